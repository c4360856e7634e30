/** What a video is, before its first frame is read: size, frames a second, how many. */

import { VideoError } from "../../errors.js";
import { checkPictureSize, DEFAULT_MAX_PIXELS } from "../../image/index.js";
import { askTool, plainComplaint } from "./ffmpeg.js";
import { type VideoInput, videoInput } from "./input.js";

export interface VideoInfo {
  /** Upright, in pixels. */
  readonly width: number;
  readonly height: number;
  /** Mean frames a second as a fraction: `30000/1001`. 30/1 where the video does not say. */
  readonly rate: string;
  readonly fps: number;
  /** How many frames it says it has; undefined for streams. */
  readonly frames: number | undefined;
  /** False where `frames` is only duration × frames a second. */
  readonly counted: boolean;
  /** `h264`, `vp9`, … */
  readonly codec: string;
  /** Comes as it happens and has no end: a camera, a stream, an address that tells neither size nor duration. */
  readonly live: boolean;
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
 * @throws VideoError: ffmpeg is missing, the file is missing, damaged or no video.
 */
export async function probeVideo(
  source: string | VideoInput,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<VideoInfo> {
  const input = typeof source === "string" ? videoInput(source) : source;
  const args = ["-v", "error", ...input.args, "-select_streams", "V:0", "-show_entries", ENTRIES, "-of", "json"];
  const { code, stdout, stderr } = await askTool("ffprobe", args, input.source, { ...options, env: input.env });
  const probed: Probed = stdout.trim() === "" ? {} : JSON.parse(stdout);
  const [stream] = probed.streams ?? [];
  if (code !== 0 || !stream) {
    if (/Format not on whitelist/.test(stderr)) {
      throw new VideoError(
        `${input.source}: is a playlist or in a format that names other files; give the videos themselves`,
        { source: input.source },
      );
    }
    const complaints = stderr
      .split("\n")
      .map(plainComplaint)
      .filter((line) => line !== "");
    const why = code === 0 ? "it has no pictures" : [...new Set(complaints)].join("; ") || `ffprobe ended with ${code}`;
    throw new VideoError(`${input.source}: is no video that ffmpeg can read: ${why}`, { source: input.source });
  }
  return infoOf(stream, probed.format ?? {}, input);
}

/**
 * A server that sends one JPEG after the other is live. A file over HTTP has a size or a duration, and a playlist that has an
 * end a duration, whatever size it has itself.
 */
function isLive({ format_name: name = "", duration, size }: ProbedFormat): boolean {
  if (/mpjpeg/.test(name)) return true;
  const playlist = /hls|dash|rtsp|sdp/.test(name);
  return !(Number(duration) > 0) && (playlist || !(Number(size) > 0));
}

function infoOf(stream: ProbedStream, format: ProbedFormat, { source, live: known }: VideoInput): VideoInfo {
  const live = known ?? isLive(format);
  const [width, height] = [stream.width ?? 0, stream.height ?? 0];
  if (width < 1 || height < 1) {
    throw new VideoError(`${source}: says its frames are ${width}×${height} pixels; it is damaged or holds no frames`);
  }
  checkPictureSize(source, width, height, DEFAULT_MAX_PIXELS);
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

function fraction(text: string | undefined): number {
  const [over, under = 1] = (text ?? "").split("/").map(Number);
  return over / under;
}

/** Files whose clock is in microseconds say 90,000 or 1,000,000 frames a second. */
function sensible(fps: number): boolean {
  return fps > 0 && fps <= 1000;
}
