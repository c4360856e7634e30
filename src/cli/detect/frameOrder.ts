/** Pictures to be tracked that a shell or a list put in the order of letters, in which `frame10` comes before `frame2`. */

import { basename, dirname } from "node:path";
import { byName, byNumbers } from "../../node/files/order.js";
import type { SourceItem } from "./sourceItem.js";

/** What to say of frames that are not in the order of their numbers; undefined where they are, or in an order of the user's own. */
export function misorderedFrames(items: readonly SourceItem[]): string | undefined {
  const frames = items.filter(({ video, error }) => !video && error === undefined).map(({ source }) => source);
  const pairs = frames.slice(1).map((frame, i) => [frames[i], frame] as const);
  const inFolder = pairs.filter(([a, b]) => dirname(a) === dirname(b));
  const wrong = inFolder.find(([a, b]) => byNumbers(a, b) > 0);
  if (!wrong || !inFolder.every(([a, b]) => byName(a, b) <= 0)) return undefined;
  const [before, after] = wrong.map((path) => basename(path));
  return (
    `--track takes pictures in the order given, in which ${before} comes before ${after}; ` +
    "give their folder, or a pattern in quotes, to have them by their numbers"
  );
}
