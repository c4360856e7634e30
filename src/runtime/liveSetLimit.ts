/** A bound on memory for backends whose host has none of its own: refused before a run takes it. */

import { LimitError } from "../errors.js";
import { type Graph, liveSetBytes } from "../ops/index.js";

/** As much as WebAssembly's memory holds. */
const MOST_BYTES = 2 ** 32;

/** @throws LimitError where the values that are alive at once, as float32, take more than 4 GiB. */
export function checkLiveSet(graph: Graph, backend: string): void {
  const bytes = liveSetBytes(graph, () => 4);
  if (bytes <= MOST_BYTES) return;
  const gib = (bytes / 2 ** 30).toFixed(1);
  throw new LimitError(
    `${backend}: the model needs ${gib} GiB for values between its layers, but at most 4 GiB are allowed; use a smaller imgsz, batch or model`,
    { bytes },
  );
}
