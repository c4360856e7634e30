/**
 * Steps as they stand in memory: header, table of steps, their counters, their arguments, tables of their own. An image is
 * made once; its addresses are moved to where it lies and to where the workspace is.
 */

import { COUNTER_BYTES, HEADER, HEADER_BYTES, STEP_BYTES } from "../../../kernels/wasm/index.js";
import type { Argument, Step } from "../lower/steps.js";
import type { StepWriter } from "../lower/stepWriter.js";
import { ALIGNMENT, roundUp } from "../lower/storages.js";

export interface PlanImage {
  readonly words: Int32Array;
  /** Which words are addresses within the image, and which within the workspace. */
  readonly own: Int32Array;
  readonly workspace: Int32Array;
  readonly steps: number;
}

export interface ImageSource {
  readonly steps: readonly Step[];
  readonly tables: StepWriter["tables"];
  readonly scratchBytes: number;
}

/** Where the counters of an image lie. */
export const countersOf = (steps: number): number => roundUp(HEADER_BYTES + steps * STEP_BYTES, ALIGNMENT);

/** @param slotOf of a kernel in the table of functions */
export function imageOf({ steps, tables, scratchBytes }: ImageSource, slotOf: (kernel: string) => number): PlanImage {
  const counters = countersOf(steps.length);
  let end = counters + steps.length * COUNTER_BYTES;
  const take = (bytes: number, alignment: number): number => {
    const address = roundUp(end, alignment);
    end = address + bytes;
    return address;
  };
  const args = steps.map(({ kernel }) => take(kernel.fields.length * 4, 4));
  for (const { storage } of tables) storage.address = take(storage.bytes, 16);
  const words = new Int32Array(roundUp(end, ALIGNMENT) / 4);
  const floats = new Float32Array(words.buffer);
  const own = [HEADER.steps / 4, HEADER.counters / 4];
  const workspace = [HEADER.scratch / 4];
  words[HEADER.steps / 4] = HEADER_BYTES;
  words[HEADER.counters / 4] = counters;
  words[HEADER.scratchBytes / 4] = scratchBytes;
  const write = (value: Argument, at: number): void => {
    if (typeof value === "number") words[at] = value;
    else if ("float" in value) floats[at] = value.float;
    else {
      words[at] = value.storage.address + value.offset;
      if (value.storage.room === "plan") own.push(at);
      else if (value.storage.room === "workspace") workspace.push(at);
    }
  };
  for (const [index, { kernel, args: given, tiles }] of steps.entries()) {
    const entry = (HEADER_BYTES + index * STEP_BYTES) / 4;
    words[entry] = slotOf(kernel.name);
    words[entry + 1] = args[index];
    own.push(entry + 1);
    words[entry + 2] = tiles;
    for (const [i, field] of kernel.fields.entries()) write(given[field], args[index] / 4 + i);
  }
  for (const { storage, words: content } of tables) words.set(content, storage.address / 4);
  return { words, own: Int32Array.from(own), workspace: Int32Array.from(workspace), steps: steps.length };
}
