/** A text file that is written piece by piece and appears when it is complete, for texts that do not fit into memory. */

import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { outputError } from "./systemReason.js";
import {
  type LineWriter,
  makeFolder,
  openForLines,
  removeOnExit,
  temporaryName,
  type WriteOptions,
  writeTarget,
} from "./writeFile.js";

/** Pieces are collected to this many characters. */
const CHUNK = 1 << 20;

/** A file that is being written. Its functions throw OutputError. */
export interface WholeFile {
  readonly write: (text: string) => Promise<void>;
  /** Makes the file visible. */
  readonly finish: () => Promise<void>;
  /** Leaves nothing behind; after `finish` it does nothing. */
  readonly abandon: () => Promise<void>;
}

/** Creates its folder. Pipes and devices are written directly. @throws OutputError. */
export async function openWhole(path: string, options: WriteOptions = {}): Promise<WholeFile> {
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
    if (target.kind === "stream") return streaming(await openForLines(path, options));
    const part = temporaryName(target.path);
    const kept = removeOnExit(part);
    return writing(await open(part, "wx", target.mode), guard, {
      finish: () => rename(part, target.path),
      close: async () => {
        await rm(part, { force: true });
        kept();
      },
    });
  });
}

function streaming(stream: LineWriter): WholeFile {
  let close = (): Promise<void> => {
    close = () => Promise.resolve();
    return stream.close();
  };
  return { write: (text) => stream.write(text), finish: () => close(), abandon: () => close() };
}

interface Ends {
  readonly finish: () => Promise<void>;
  readonly close: () => Promise<void>;
}

function writing(file: FileHandle, guard: <T>(work: () => Promise<T>) => Promise<T>, ends: Ends): WholeFile {
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
