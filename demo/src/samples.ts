/** The page's own picture and clip, which show what it does without a camera. */

import clip from "../../examples/belts.webm?url";
import picture from "../../examples/codes.png?url";
import type { DrawnFigure } from "./count/figures.js";

export const SAMPLES = { picture, clip } as const;

/** What the clip is for: a line in the middle of both belts, which run against each other. */
export const CLIP_FIGURES: readonly DrawnFigure[] = [
  {
    kind: "line",
    name: "middle",
    corners: [
      { x: 0.5, y: 0.96 },
      { x: 0.5, y: 0.04 },
    ],
  },
];

/** @throws Error with advice; the signal's reason. */
export async function fetchSample(name: keyof typeof SAMPLES, signal: AbortSignal): Promise<Blob> {
  try {
    const answer = await fetch(SAMPLES[name], { signal });
    if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
    return await answer.blob();
  } catch (error) {
    signal.throwIfAborted();
    throw new Error(`The sample ${name} could not be fetched. Check the connection, or open a file of your own.`, {
      cause: error,
    });
  }
}
