/** `readVideo`: the frames of a file, stream or camera, read one ahead while the caller processes another. */

import { OptionError } from "../../errors.js";
import { FrameSource, type VideoFrame } from "./frameSource.js";
import { type VideoInput, videoInput } from "./input.js";
import { hasLargeFrames, MAX_FRAME_PIXELS, probeVideo, type VideoInfo } from "./probe.js";

/** Options of `readVideo`. */
export interface ReadVideoOptions {
  /** Return only every n-th frame. Default 1. */
  readonly stride?: number | undefined;
  /** Receives warnings about damage that was skipped. */
  readonly onWarning?: ((text: string) => void) | undefined;
  /** Refuse videos with more pixels per frame. Default 16,777,216. */
  readonly maxPixels?: number | undefined;
  /** Stops reading; the loop over the frames then ends without an error. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads a video with the system's ffmpeg, which must be installed.
 *
 * Files yield every frame on demand, with one decoded ahead: at most a few frames are in memory, and only one of
 * frames larger than 4K. Streams and cameras yield the newest frame; frames that are not consumed in time are
 * dropped, but `frame` counts them.
 * @param source path, address (`http(s)`, `rtsp`, `rtmp`, …), or camera: `0`, `/dev/video0`.
 * @throws VideoError if ffmpeg is missing, or the video is missing or damaged (after the frames that could be read).
 * @example
 * for await (const result of model.stream(readVideo("street.mp4", { stride: 2 }))) console.log(result.time, result.xyxy);
 */
export async function* readVideo(source: string, options: ReadVideoOptions = {}): AsyncGenerator<VideoFrame> {
  const input = videoInput(source);
  const { signal } = options;
  let info: VideoInfo;
  try {
    info = await probeVideo(input, options);
  } catch (error) {
    if (signal?.aborted) return;
    throw error;
  }
  yield* readFrames(input, info, options);
}

/** `readVideo` for a video that has already been probed. */
export async function* readFrames(
  input: VideoInput,
  info: VideoInfo,
  options: ReadVideoOptions = {},
): AsyncGenerator<VideoFrame> {
  const { stride = 1, onWarning = () => undefined, signal, maxPixels = MAX_FRAME_PIXELS } = options;
  if (!Number.isInteger(stride) || stride < 1) {
    throw new OptionError(`stride must be a whole number of at least 1, got ${stride}`, { stride });
  }
  const source = await FrameSource.open(input, info, { stride, onWarning, signal, maxPixels });
  try {
    yield* info.live
      ? newest(source, (dropped) => tellDropped(input, dropped, onWarning))
      : hasLargeFrames(info)
        ? oneByOne(source)
        : ahead(source);
  } finally {
    source.stop();
  }
}

/** Yields each frame, decoded on demand. */
async function* oneByOne(source: FrameSource): AsyncGenerator<VideoFrame> {
  for (let frame = await source.next(); frame; frame = await source.next()) yield frame;
}

/** Yields each frame while the next one is decoded. */
async function* ahead(source: FrameSource): AsyncGenerator<VideoFrame> {
  let coming = settled(source.next());
  for (;;) {
    const frame = unwrap(await coming);
    if (!frame) return;
    coming = settled(source.next());
    yield frame;
  }
}

/** A stream that ends may have been a file whose server reported neither size nor duration. */
function tellDropped({ source, live }: VideoInput, dropped: number, onWarning: (text: string) => void): void {
  if (live === true || dropped === 0) return;
  const frames = dropped === 1 ? "1 frame was" : `${dropped} frames were`;
  onWarning(
    `${source}: ended, and ${frames} dropped, because the server reports neither size nor duration and it was treated as live; ` +
      "download it first to get every frame",
  );
}

/**
 * Yields the newest frame; older ones that were not consumed in time are dropped.
 * @param onEnd called with the number of dropped frames if the stream ends by itself.
 */
async function* newest(source: FrameSource, onEnd: (dropped: number) => void): AsyncGenerator<VideoFrame> {
  let latest: VideoFrame | undefined;
  // Kept apart from the frame, which must not be lost if nothing follows it.
  let last: Settled | undefined;
  let [came, given] = [0, 0];
  let wake = (): void => undefined;
  const pump = async (): Promise<void> => {
    for (; !last; wake()) {
      const got = await settled(source.next());
      if ("value" in got && got.value !== undefined) {
        latest = got.value;
        came++;
      } else last = got;
    }
  };
  void pump();
  for (;;) {
    while (!latest && !last) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    if (latest) {
      const frame = latest;
      latest = undefined;
      given++;
      yield frame;
    } else if (last) {
      unwrap(last);
      onEnd(came - given);
      return;
    }
  }
}

type Settled = { readonly value: VideoFrame | undefined } | { readonly error: unknown };

/** Wraps a promise so that it never rejects, and can be awaited later. */
function settled(promise: Promise<VideoFrame | undefined>): Promise<Settled> {
  return promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
}

function unwrap(got: Settled): VideoFrame | undefined {
  if ("error" in got) throw got.error;
  return got.value;
}
