/** Detects pictures for tracking that a shell or list sorted alphabetically, which puts `frame10` before `frame2`. */

import { basename, dirname } from "node:path";
import { byName, byNumbers } from "../../../node/files/order.js";
import type { SourceItem } from "./sourceItem.js";

/**
 * A warning if the frames are sorted alphabetically rather than by number; undefined if they are by number, or in an
 * order of the user's own.
 */
export function misorderedFrames(items: readonly SourceItem[]): string | undefined {
  const frames = items.filter(({ video, error }) => !video && error === undefined).map(({ source }) => source);
  const pairs = frames.slice(1).map((frame, i) => [frames[i], frame] as const);
  const inFolder = pairs.filter(([a, b]) => dirname(a) === dirname(b));
  const wrong = inFolder.find(([a, b]) => byNumbers(a, b) > 0);
  if (!wrong || !inFolder.every(([a, b]) => byName(a, b) <= 0)) return undefined;
  const [before, after] = wrong.map((path) => basename(path));
  return (
    `--track takes pictures in the order given, in which ${before} comes before ${after}; ` +
    "give their folder, or a quoted pattern, to sort them by number"
  );
}
