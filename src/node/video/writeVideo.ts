/** Writes RGB frames as MP4 (H.264 if the system's ffmpeg supports it) to a temporary name, then renames it. */

import type { ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import type { Readable, Writable } from "node:stream";
import { VideoError } from "../../errors.js";
import type { RgbImage } from "../../image/index.js";
import { outputError } from "../files/systemReason.js";
import { makeFolder, removeOnExit, temporaryName } from "../files/writeFile.js";
import { addSound } from "./addSound.js";
import { askTool, plainComplaint, startError, startTool } from "./ffmpeg.js";
import type { VideoInput } from "./input.js";
import { hasLargeFrames } from "./probe.js";

/** Options of `VideoWriter`. */
export interface VideoWriterOptions {
  readonly width: number;
  readonly height: number;
  /** Frames per second: `25`, `30000/1001`. */
  readonly rate: string;
  /** Gives frames the time at which they are written, as needed for a camera. */
  readonly live?: boolean | undefined;
  /** A video whose sound is copied to the file, up to the end of the frames. */
  readonly sound?: VideoInput | undefined;
  /** Called with a sentence for everything that differs from the request. */
  readonly onWarning?: ((text: string) => void) | undefined;
}

/** Encoders in order of preference, with settings for visually lossless quality. */
const ENCODERS: readonly (readonly [name: string, ...settings: string[]])[] = [
  ["libx264", "-preset", "veryfast", "-crf", "20"],
  ["libopenh264", "-b:v", "4M"],
  ["h264_videotoolbox", "-q:v", "65"],
  ["h264_mf", "-b:v", "4M"],
  ["mpeg4", "-q:v", "3"],
];

/** ffmpeg's message for a file that could not be completed. */
const NOT_WHOLE = /^(\[[^\]]*\] ?)*(Error (writing|closing)|Unable to re-open)|No space left on device/m;
/** Encoders buffer dozens of frames, for lookahead and for each thread. */
const FOR_LARGE_FRAMES = ["-threads", "1", "-filter_threads", "1"];
/** Subpixel motion search would take three more planes per frame. */
const X264_FOR_LARGE_FRAMES = ["-tune", "zerolatency", "-refs", "1", "-x264-params", "subme=0"];

/** Writes frames as an MP4 file, through ffmpeg. */
export class VideoWriter {
  /** The final path. */
  readonly path: string;
  private readonly part: string;
  private readonly child: ChildProcessByStdio<Writable, null, Readable>;
  private readonly closed: Promise<number | null>;
  private readonly options: VideoWriterOptions;
  private readonly keepPart: () => void;
  private failure: VideoError | undefined;
  private complaints = "";
  private done: Promise<void> | undefined;
  private count = 0;

  private constructor(path: string, part: string, options: VideoWriterOptions, encoder: readonly string[]) {
    this.path = path;
    this.part = part;
    this.options = options;
    this.child = startTool("ffmpeg", encodeArguments(part, options, encoder), true);
    this.child.on("error", (error) => {
      this.failure = startError("ffmpeg", path, error);
    });
    // ffmpeg itself reports why the pipe broke.
    this.child.stdin.on("error", () => undefined);
    this.child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.complaints = (this.complaints + text).slice(-2000);
    });
    this.closed = new Promise((resolve) => this.child.on("close", resolve));
    // A process that exits mid-way, as on a second Ctrl-C, leaves neither an encoder nor half a file behind.
    const kill = (): void => void this.child.kill("SIGKILL");
    process.once("exit", kill);
    void this.closed.then(() => process.off("exit", kill));
    this.keepPart = removeOnExit(part);
  }

  /** @throws VideoError if ffmpeg is missing. */
  static async open(path: string, options: VideoWriterOptions): Promise<VideoWriter> {
    const { stdout } = await askTool("ffmpeg", ["-hide_banner", "-encoders"], path);
    const available = new Set(stdout.split("\n").map((line) => line.trim().split(/\s+/)[1]));
    const encoder = ENCODERS.find(([name]) => available.has(name));
    if (!encoder) {
      throw new VideoError(`${path}: this ffmpeg has neither an H.264 nor an MPEG-4 encoder; install a full build`);
    }
    if (encoder[0] === "mpeg4") {
      options.onWarning?.(`${path}: this ffmpeg has no H.264 encoder; written as MPEG-4, which browsers do not play`);
    }
    await makeFolder(dirname(path)).catch((error: unknown) => {
      throw outputError(path, error);
    });
    return new VideoWriter(path, temporaryName(path), options, encoder);
  }

  /** Number of frames written. */
  get frames(): number {
    return this.count;
  }

  /**
   * Writes one frame; resolves when the encoder is ready for the next. The frame's bytes must not change afterwards.
   * @throws VideoError if the encoder has exited, or for a frame of a different size.
   */
  async write(frame: RgbImage): Promise<void> {
    const { width, height } = this.options;
    if (frame.width !== width || frame.height !== height) {
      throw new VideoError(`${this.path}: a frame is ${frame.width}×${frame.height}, the video ${width}×${height}`);
    }
    const { stdin } = this.child;
    if (this.done) return;
    if (!stdin.destroyed) this.count++;
    if (!stdin.destroyed && (stdin.write(frame.data) || (await this.drained()))) return;
    // Completed in the meantime, with this frame; what then goes wrong is said by `finish`.
    if (!this.done) throw await this.broken();
  }

  /** Completes and renames the file; without frames there is no file. Further calls wait for the same completion. */
  finish(): Promise<void> {
    this.done ??= this.close();
    return this.done;
  }

  /** Stops the encoder and removes the file. */
  async abort(): Promise<void> {
    this.done ??= Promise.resolve();
    this.child.kill("SIGKILL");
    await this.closed;
    await this.removePart();
  }

  private async removePart(): Promise<void> {
    await rm(this.part, { force: true });
    this.keepPart();
  }

  private async close(): Promise<void> {
    if (this.count === 0) return this.abort();
    this.child.stdin.end();
    // If the end of the file cannot be written, ffmpeg before 6.1 prints an error but exits successfully.
    if ((await this.closed) !== 0 || NOT_WHOLE.test(this.complaints)) throw await this.broken();
    try {
      await this.addSound();
      await rename(this.part, this.path);
      this.keepPart();
    } catch (error) {
      await this.removePart();
      throw outputError(this.path, error);
    }
  }

  /** A file without its sound is better than none. */
  private async addSound(): Promise<void> {
    const { sound, rate, onWarning } = this.options;
    if (!sound) return;
    const [over, under = "1"] = rate.split("/");
    const problem = await addSound(this.part, sound, (this.count * Number(under)) / Number(over));
    if (problem !== undefined) onWarning?.(`${this.path}: its sound could not be kept: ${problem}`);
  }

  /** False if the encoder exited instead. */
  private async drained(): Promise<boolean> {
    const { stdin } = this.child;
    const left = new AbortController();
    const { signal } = left;
    try {
      const drained = once(stdin, "drain", { signal }).then(() => true);
      const closed = once(stdin, "close", { signal }).then(() => false);
      return await Promise.race([drained, closed]);
    } catch {
      return false;
    } finally {
      left.abort();
    }
  }

  private async broken(): Promise<unknown> {
    const code = await this.closed;
    await this.removePart();
    if (this.failure) return this.failure;
    if (/No space left on device/.test(this.complaints)) {
      return outputError(this.path, Object.assign(new Error("ENOSPC"), { code: "ENOSPC", syscall: "write" }));
    }
    const lines = this.complaints
      .split("\n")
      .map(plainComplaint)
      .filter((line) => line !== "");
    const why = lines.slice(-2).join("; ") || `ffmpeg ended with ${code}`;
    return new VideoError(`${this.path}: cannot be written: ${why}`, { path: this.path });
  }
}

function encodeArguments(
  part: string,
  { width, height, rate, live }: VideoWriterOptions,
  [name, ...settings]: readonly string[],
): string[] {
  // H.264 with 4:2:0 needs even sides. The colour space is tagged, since players otherwise guess it from the size.
  const pad = width % 2 === 1 || height % 2 === 1 ? ["pad=ceil(iw/2)*2:ceil(ih/2)*2"] : [];
  const filters = [...pad, "scale=out_color_matrix=bt709:out_range=tv", "format=yuv420p"];
  const colours = ["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv"];
  return [
    ...["-hide_banner", "-loglevel", "error", "-y"],
    ...(live ? ["-use_wallclock_as_timestamps", "1"] : []),
    ...["-f", "rawvideo", "-pix_fmt", "rgb24", "-video_size", `${width}x${height}`, "-framerate", rate, "-i", "pipe:0"],
    ...["-an", "-vf", filters.join(","), "-r", rate, "-c:v", name, ...settings, ...colours],
    ...(hasLargeFrames({ width, height }) ? FOR_LARGE_FRAMES : []),
    ...(hasLargeFrames({ width, height }) && name === "libx264" ? X264_FOR_LARGE_FRAMES : []),
    ...["-movflags", "+faststart", "-f", "mp4", `file:${part}`],
  ];
}
