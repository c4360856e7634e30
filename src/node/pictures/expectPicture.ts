/** A model's first picture: the network is compiled for its size while its pixels are decoded. */

import { setImmediate } from "node:timers/promises";
import { sizeInHeader } from "../../image/pictureSize.js";
import type { Member } from "../../yolov5/ensemble.js";
import type { ResolvedOptions } from "../../yolov5/options.js";
import type { Pipeline } from "../../yolov5/pipeline.js";

/** Turns of the event loop after which all that this thread does for it is done: the rest runs on others. */
const TURNS = 8;

/** Whose first picture has come. */
const begun = new WeakSet<Pipeline>();

type PlainOptions = Omit<ResolvedOptions, "onWarning" | "onSlice" | "signal">;

/** Settles when the caller may decode the picture. Never rejects: the picture's own run reports what is wrong. */
export async function expectPicture(
  pipeline: Pipeline,
  members: readonly Member[],
  bytes: Uint8Array,
  options: PlainOptions,
): Promise<void> {
  if (begun.has(pipeline) || options.slice || options.augment) return;
  begun.add(pipeline);
  try {
    const size = sizeInHeader(bytes, "picture");
    if (!size) return;
    const image = { ...size, data: new Uint8Array() };
    const quiet = { ...options, onWarning: () => undefined, onSlice: () => undefined, signal: undefined };
    const [{ size: input }] = pipeline.preprocessor.plan([{ image }], quiet);
    for (const { network } of members) {
      network.with([1, 3, ...input], async () => undefined).catch(() => undefined);
    }
  } catch {
    return;
  }
  for (let turn = 0; turn < TURNS; turn++) await setImmediate();
}
