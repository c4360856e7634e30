/** A JSON file that is written piece by piece and appears whole: results of millions of pictures fit no memory. */

import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { outputError } from "../../node/files/systemReason.js";
import { makeFolder, removeOnExit, temporaryName, writeTarget } from "../../node/files/writeFile.js";
import { printableJson } from "../../printable.js";
import type { TextStream } from "../io.js";

/** Pieces are collected to this many characters. */
const CHUNK = 1 << 20;

export interface JsonSink {
  readonly write: (text: string) => Promise<void>;
  /** Makes the file visible. */
  readonly finish: () => Promise<void>;
  /** Leaves nothing behind; after `finish` it does nothing. */
  readonly abandon: () => Promise<void>;
}

export function sinkToStream(stream: TextStream): JsonSink {
  return {
    write: async (text) => stream.write(text),
    finish: async () => undefined,
    abandon: async () => undefined,
  };
}

/** @throws OutputError, as do its functions. */
export async function sinkToFile(path: string): Promise<JsonSink> {
  const guard = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw outputError(path, error);
    }
  };
  return guard(async () => {
    await makeFolder(dirname(path));
    const target = await writeTarget(path);
    if (target.kind === "stream") return sinkInto(await open(target.path, "a"), guard);
    const part = temporaryName(target.path);
    const kept = removeOnExit(part);
    return sinkInto(await open(part, "wx", target.mode), guard, {
      finish: () => rename(part, target.path),
      close: async () => {
        await rm(part, { force: true });
        kept();
      },
    });
  });
}

interface Ends {
  readonly finish: () => Promise<void>;
  readonly close: () => Promise<void>;
}

function sinkInto(
  file: FileHandle,
  guard: <T>(work: () => Promise<T>) => Promise<T>,
  ends: Ends = { finish: async () => undefined, close: async () => undefined },
): JsonSink {
  let pending = "";
  let open = true;
  const flush = async (): Promise<void> => {
    const text = pending;
    pending = "";
    await file.appendFile(text);
  };
  return {
    write: (text) =>
      guard(async () => {
        pending += text;
        if (pending.length >= CHUNK) await flush();
      }),
    finish: () =>
      guard(async () => {
        await flush();
        await file.close();
        open = false;
        await ends.finish();
        await ends.close();
      }),
    abandon: async () => {
      if (!open) return;
      open = false;
      await file.close();
      await ends.close();
    },
  };
}

/** Writes the entries of an array one by one: with commas, without the brackets. */
export class JsonList {
  private first = true;

  constructor(private readonly sink: JsonSink) {}

  async add(entry: unknown): Promise<void> {
    await this.sink.write((this.first ? "" : ",") + printableJson(entry));
    this.first = false;
  }
}
