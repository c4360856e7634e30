/** JSON that is written piece by piece, because results of millions of pictures do not fit into memory. */

import type { WholeFile } from "../../node/files/wholeFile.js";
import { printableJson } from "../../printable.js";
import type { TextStream } from "../io.js";

/** A file, or a stream in its place. */
export type JsonSink = WholeFile;

export function sinkToStream(stream: TextStream): JsonSink {
  return {
    write: async (text) => stream.write(text),
    finish: async () => undefined,
    abandon: async () => undefined,
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
