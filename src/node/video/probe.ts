/** Facts about a video before its first frame is read: size, frame rate, number of frames. */

import { VideoError } from "../../errors.js";
import { checkPictureSize } from "../../image/index.js";
import { askTool, plainComplaint } from "./ffmpeg.js";
import { type VideoInput, videoInput } from "./input.js";
import { notVideo } from "./notVideo.js";

/** Facts that a video states about itself. */
export interface VideoInfo {
  /** Upright, in pixels. */
  readonly width: number;
  readonly height: number;
  /** Mean frames per second as a fraction: `30000/1001`. 30/1 if the video does not state it. */
  readonly rate: string;
  readonly fps: number;
  /** The number of frames it claims to have; undefined for streams. */
  readonly frames: number | undefined;
  /** False if `frames` is only an estimate, duration × frame rate. */
  readonly counted: boolean;
  /** `h264`, `vp9`, … */
  readonly codec: string;
  /** A live source without an end: a camera, a stream, or an address without size and duration. */
  readonly live: boolean;
}

/**
 * Default for `maxPixels`: 2^24 pixels per frame, enough for 5K. Decoder, encoder and this process together then stay
 * below 1 GB: they take about 40 bytes per pixel plus 250 MB.
 */
export const MAX_FRAME_PIXELS = 2 ** 24;
/** Larger frames are not decoded ahead, and neither decoder nor encoder may buffer them: each takes 27 MiB or more. */
const LARGE_FRAME_PIXELS = 4096 * 2304;

/** Whether frames are so large that as few as possible should be in memory. */
export function hasLargeFrames({ width, height }: Pick<VideoInfo, "width" | "height">): boolean {
  return width * height > LARGE_FRAME_PIXELS;
}

/** Options of `probeVideo`. */
export interface ProbeOptions {
  readonly signal?: AbortSignal | undefined;
  /** Refuse videos with more pixels per frame. Default 16,777,216. */
  readonly maxPixels?: number | undefined;
}

interface ProbedStream {
  readonly codec_name?: string;
  readonly width?: number;
  readonly height?: number;
  readonly avg_frame_rate?: string;
  readonly r_frame_rate?: string;
  readonly nb_frames?: string;
  readonly duration?: string;
  readonly tags?: { readonly rotate?: string };
  readonly side_data_list?: readonly { readonly rotation?: number }[];
}

interface ProbedFormat {
  readonly format_name?: string;
  readonly duration?: string;
  readonly size?: string;
}

interface Probed {
  readonly streams?: readonly ProbedStream[];
  readonly format?: ProbedFormat;
}

const ENTRIES =
  "stream=codec_name,width,height,avg_frame_rate,r_frame_rate,nb_frames,duration:stream_tags=rotate:" +
  "stream_side_data=rotation:format=format_name,duration,size";

/**
 * Reads a video's facts with ffprobe.
 * @param source path, address or camera.
 * @throws VideoError if ffmpeg is missing, or the file is missing, damaged or not a video; the reason of `signal`.
 */
export async function probeVideo(source: string | VideoInput, options: ProbeOptions = {}): Promise<VideoInfo> {
  const input = typeof source === "string" ? videoInput(source) : source;
  const { signal, maxPixels = MAX_FRAME_PIXELS } = options;
  const args = [
    "-v",
    "error",
    ...decoderLimits(maxPixels),
    ...input.args,
    "-select_streams",
    "V:0",
    "-show_entries",
    ENTRIES,
    "-of",
    "json",
  ];
  const { code, stdout, stderr } = await askTool("ffprobe", args, input.source, { signal, env: input.env });
  const probed: Probed = stdout.trim() === "" ? {} : JSON.parse(stdout);
  const [stream] = probed.streams ?? [];
  if (code !== 0 || !stream) {
    const format = /\[(\S+) @ [^\]]*\] Format not on whitelist/.exec(stderr)?.[1];
    const known = await notVideo(format, input.path);
    if (known !== undefined) throw new VideoError(`${input.source}: ${known}`, { source: input.source });
    throwIfTooLarge(input.source, stderr, maxPixels);
    const complaints = stderr
      .split("\n")
      .map(plainComplaint)
      .filter((line) => line !== "");
    const why = code === 0 ? "it has no pictures" : distinct(complaints).join("; ") || `ffprobe ended with ${code}`;
    const what = input.live && code !== 0 ? "cannot be opened" : "is not a video that ffmpeg can read";
    throw new VideoError(`${input.source}: ${what}: ${why}`, { source: input.source });
  }
  if (!stream.width) throwIfTooLarge(input.source, stderr, maxPixels);
  return infoOf(stream, probed.format ?? {}, input, maxPixels);
}

/** A later line often repeats the end of an earlier one, which says more. */
function distinct(complaints: readonly string[]): string[] {
  return complaints.filter(
    (line, i) => !complaints.some((other, j) => j !== i && other.endsWith(line) && (other !== line || j < i)),
  );
}

/**
 * Arguments for ffmpeg and ffprobe, before their input, which also limit a stream whose frames grow later. Decoders
 * count the padding around a picture as well.
 */
export function decoderLimits(maxPixels: number): string[] {
  return ["-max_pixels", `${2 * maxPixels + 2 ** 20}`];
}

/**
 * A server that sends a stream of JPEGs is live. A file over HTTP has a size or a duration. A playlist with an end
 * has a duration, whatever its own size.
 */
function isLive({ format_name: name = "", duration, size }: ProbedFormat): boolean {
  if (/mpjpeg/.test(name)) return true;
  const playlist = /hls|dash|rtsp|sdp/.test(name);
  return !(Number(duration) > 0) && (playlist || !(Number(size) > 0));
}

function infoOf(
  stream: ProbedStream,
  format: ProbedFormat,
  { source, live: known }: VideoInput,
  maxPixels: number,
): VideoInfo {
  const live = known ?? isLive(format);
  const [width, height] = [stream.width ?? 0, stream.height ?? 0];
  if (width < 1 || height < 1) {
    throw new VideoError(`${source}: claims a frame size of ${width}×${height} pixels; it is damaged or has no frames`);
  }
  if (width * height > maxPixels) throw tooLarge(source, width, height, maxPixels);
  checkPictureSize(source, width, height, maxPixels);
  const rotation = stream.side_data_list?.find((data) => data.rotation !== undefined)?.rotation;
  const turned = Math.abs(rotation ?? Number(stream.tags?.rotate ?? 0)) % 180 === 90;
  const rate = [stream.avg_frame_rate, stream.r_frame_rate].find((text) => sensible(fraction(text))) ?? "30/1";
  const fps = fraction(rate);
  const counted = Number(stream.nb_frames);
  const seconds = Number(stream.duration ?? format.duration ?? Number.NaN);
  const estimate = seconds > 0 ? Math.max(1, Math.round(seconds * fps)) : undefined;
  return {
    width: turned ? height : width,
    height: turned ? width : height,
    rate,
    fps,
    frames: live ? undefined : counted > 0 ? counted : estimate,
    counted: counted > 0,
    live,
    codec: stream.codec_name ?? "unknown",
  };
}

/** For a size that the decoder refused before ffprobe could report it. */
function throwIfTooLarge(source: string, stderr: string, maxPixels: number): void {
  const [, width, height] = /Picture size (\d+)x(\d+) exceeds/.exec(stderr) ?? [];
  if (width !== undefined) throw tooLarge(source, Number(width), Number(height), maxPixels);
}

function tooLarge(source: string, width: number, height: number, maxPixels: number): VideoError {
  return new VideoError(
    `${source}: its frames of ${width}×${height} pixels exceed the limit of ${maxPixels} pixels; ` +
      `make them smaller (ffmpeg -i … -vf scale=3840:-2 …), or raise the limit (--max-pixels, \`maxPixels\`) to ${width * height}`,
    { source, width, height, maxPixels },
  );
}

function fraction(text: string | undefined): number {
  const [over, under = 1] = (text ?? "").split("/").map(Number);
  return over / under;
}

/** Files with a microsecond clock claim 90,000 or 1,000,000 frames per second. */
function sensible(fps: number): boolean {
  return fps > 0 && fps <= 1000;
}
