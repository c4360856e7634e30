/** Live sources that come back: a camera or stream is opened again when it ends or fails. */

import { setTimeout as sleep } from "node:timers/promises";
import type { VideoFrame } from "./frameSource.js";
import type { VideoInput } from "./input.js";
import type { VideoInfo } from "./probe.js";
import { type ReadVideoOptions, readFrames } from "./readVideo.js";

/** Options of `readReconnecting`. */
export interface ReconnectOptions extends ReadVideoOptions {
  /** Called when the source is gone, why, and when it is tried again. */
  readonly onWait?: ((why: string, seconds: number) => void) | undefined;
  /** The first wait and the longest one, in seconds; each is twice the one before. Default 1 and 30. */
  readonly backOff?: readonly [first: number, longest: number] | undefined;
}

/**
 * As `readFrames`, without an end: `frame` and `time` go on counting. Frames keep the size of the first connection.
 * Ends with `signal` only.
 */
export async function* readReconnecting(
  input: VideoInput,
  info: VideoInfo,
  options: ReconnectOptions = {},
): AsyncGenerator<VideoFrame> {
  const { signal, onWait, backOff: [first, longest] = [1, 30] } = options;
  const started = performance.now();
  let [frames, pause] = [0, first];
  while (!signal?.aborted) {
    const [before, since] = [frames, frames === 0 ? 0 : (performance.now() - started) / 1000];
    let why = "it ended";
    try {
      for await (const frame of readFrames(input, info, { ...options, onWarning: undefined })) {
        frames = before + frame.frame;
        pause = first;
        yield { ...frame, frame: frames, time: since + frame.time };
      }
    } catch (error) {
      why = error instanceof Error ? error.message : String(error);
    }
    if (signal?.aborted) return;
    onWait?.(why, pause);
    await sleep(pause * 1000, undefined, { signal }).catch(() => undefined);
    pause = Math.min(pause * 2, longest);
  }
}

/** Frames of a file at the pace at which they were taken. */
export async function* atTheirTime(
  frames: AsyncIterable<VideoFrame>,
  signal: AbortSignal | undefined,
): AsyncGenerator<VideoFrame> {
  let start: number | undefined;
  for await (const frame of frames) {
    start ??= performance.now() - frame.time * 1000;
    const early = start + frame.time * 1000 - performance.now();
    if (early > 1) await sleep(early, undefined, { signal }).catch(() => undefined);
    // A frame that comes late moves all that follow.
    if (early < 0) start -= early;
    yield frame;
  }
}
