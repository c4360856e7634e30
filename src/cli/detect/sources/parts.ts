/** Sources as the parts in which a run processes them. */

import type { SourceItem } from "./sources.js";

/** A further batch of pictures, or one video. */
export interface Part {
  readonly items: readonly SourceItem[];
  /** Position of the first one among all. */
  readonly start: number;
}

/** The sources in batches of pictures, videos alone. */
export function* partsOf(items: readonly SourceItem[], batchSize: number): Generator<Part> {
  for (let start = 0, end = 0; start < items.length; start = end) {
    end = start + 1;
    const more = (): boolean => end < items.length && end - start < batchSize && !items[end].video;
    if (!items[start].video) while (more()) end++;
    yield { items: items.slice(start, end), start };
  }
}
