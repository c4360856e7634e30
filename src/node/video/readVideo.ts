/** `readVideo`: the frames of a file, stream or camera, one read ahead while the caller works on another. */

import { OptionError } from "../../errors.js";
import { FrameSource, type VideoFrame } from "./frameSource.js";
import { type VideoInput, videoInput } from "./input.js";
import { hasLargeFrames, MAX_FRAME_PIXELS, probeVideo, type VideoInfo } from "./probe.js";

/** Options of `readVideo`. */
export interface ReadVideoOptions {
  /** Take every n-th frame only. Default 1. */
  readonly stride?: number | undefined;
  /** Sentences about damage that was read over. */
  readonly onWarning?: ((text: string) => void) | undefined;
  /** Videos with more pixels a frame are refused. Default 16,777,216. */
  readonly maxPixels?: number | undefined;
  /** Ends the frames; the loop over them ends without an error. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads a video with the system's ffmpeg, which must be installed.
 *
 * Of files every frame comes, no sooner than it is asked for but for one that is decoded ahead: memory stays at a few
 * frames, and of frames beyond 4K at one. Of streams and cameras the newest frame comes, and those that were not taken in time are dropped (`frame`
 * counts them).
 * @param source path, address (`http(s)`, `rtsp`, `rtmp`, …), or camera: `0`, `/dev/video0`.
 * @throws VideoError: ffmpeg is missing, the video is missing or damaged (after the frames that could be read).
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

/** `readVideo` for a video whose facts are known. */
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

/** Each frame, decoded when it is asked for. */
async function* oneByOne(source: FrameSource): AsyncGenerator<VideoFrame> {
  for (let frame = await source.next(); frame; frame = await source.next()) yield frame;
}

/** Each frame, the next one being decoded meanwhile. */
async function* ahead(source: FrameSource): AsyncGenerator<VideoFrame> {
  let coming = settled(source.next());
  for (;;) {
    const frame = unwrap(await coming);
    if (!frame) return;
    coming = settled(source.next());
    yield frame;
  }
}

/** A stream that ends may have been a file, whose server told neither its size nor its duration. */
function tellDropped({ source, live }: VideoInput, dropped: number, onWarning: (text: string) => void): void {
  if (live === true || dropped === 0) return;
  const frames = dropped === 1 ? "1 frame was" : `${dropped} frames were`;
  onWarning(
    `${source}: came to an end, and ${frames} dropped, since its server says neither size nor duration and it was taken for live; ` +
      "download it first to have every frame",
  );
}

/**
 * The last frame that came; older ones that nobody asked for in time are gone.
 * @param onEnd gets their number where the stream ends by itself.
 */
async function* newest(source: FrameSource, onEnd: (dropped: number) => void): AsyncGenerator<VideoFrame> {
  let latest: VideoFrame | undefined;
  // Apart from the frame, which must not be lost when nothing follows it.
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

/** A promise that never rejects, so that it can wait until somebody looks. */
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
