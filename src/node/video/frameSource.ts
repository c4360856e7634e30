/** A running ffmpeg decoder: raw RGB frames from its pipe, one by one, as fast as they are consumed. */

import type { ChildProcessByStdio } from "node:child_process";
import type { Readable } from "node:stream";
import { VideoError } from "../../errors.js";
import { askTool, startError, startTool } from "./ffmpeg.js";
import type { VideoInput } from "./input.js";
import { decoderLimits, hasLargeFrames, type VideoInfo } from "./probe.js";
import { ShowInfo } from "./showInfo.js";

/** One upright frame; can be passed to `model.detect` and `model.stream` directly. */
export interface VideoFrame {
  /** Row-major RGB, `width` × `height` × 3 bytes; owned by the caller. */
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
  readonly channels: "rgb";
  /** 1, 2, 3, … as detect.py counts; with a stride of n, numbers still count the frames returned. */
  readonly frame: number;
  /** Seconds from the start of the video. */
  readonly time: number;
}

export interface FrameSourceOptions {
  readonly stride: number;
  readonly maxPixels: number;
  readonly onWarning: (text: string) => void;
  readonly signal?: AbortSignal | undefined;
}

/** A stream that sends nothing for this long has ended. */
const STALL_MS = 30_000;

export class FrameSource {
  private readonly input: VideoInput;
  private readonly info: VideoInfo;
  private readonly options: FrameSourceOptions;
  private readonly child: ChildProcessByStdio<null, Readable, Readable>;
  private readonly said: ShowInfo;
  /** Exit code, or the signal that killed it. */
  private readonly closed: Promise<number | string | null>;
  private failure: Error | undefined;
  private stopped = false;
  /** The rest of a chunk, which belongs to the next frame. */
  private rest: Uint8Array | undefined;
  private count = 0;

  private constructor(input: VideoInput, info: VideoInfo, options: FrameSourceOptions, modernSync: boolean) {
    this.input = input;
    this.info = info;
    this.options = options;
    this.child = startTool("ffmpeg", decodeArguments(input, info, options, modernSync), false, input.env);
    // Node discards data left in the pipe of an exited child unless a `readable` listener is always attached.
    this.child.stdout.on("readable", () => undefined);
    this.said = new ShowInfo(this.child.stderr);
    this.child.on("error", (error) => {
      this.failure = startError("ffmpeg", input.source, error);
    });
    this.closed = new Promise((resolve) => this.child.on("close", (code, by) => resolve(code ?? by)));
    options.signal?.addEventListener("abort", this.stop, { once: true });
    if (options.signal?.aborted) this.stop();
  }

  static async open(input: VideoInput, info: VideoInfo, options: FrameSourceOptions): Promise<FrameSource> {
    const { stdout } = await askTool("ffmpeg", ["-version"], input.source, { signal: options.signal });
    return new FrameSource(input, info, options, hasFpsMode(stdout));
  }

  /**
   * The next frame; undefined after the last.
   * @throws VideoError for a truncated video, after all frames that could be decoded.
   */
  async next(): Promise<VideoFrame | undefined> {
    const { width, height, fps } = this.info;
    // Not zeroed, since every byte is overwritten; not pooled, since the caller keeps it.
    const data = new Uint8Array(Buffer.allocUnsafeSlow(width * height * 3).buffer);
    if (!(await this.fill(data)) || this.stopped) {
      await this.end();
      return undefined;
    }
    const time = (await this.said.nextTime()) ?? (this.count * this.options.stride) / fps;
    return { data, width, height, channels: "rgb", frame: ++this.count, time };
  }

  /** Kills ffmpeg at once. */
  readonly stop = (): void => {
    this.stopped = true;
    this.options.signal?.removeEventListener("abort", this.stop);
    this.child.kill("SIGKILL");
    this.child.stdout.destroy();
  };

  /** False if the pipe ends before the frame is complete. */
  private async fill(target: Uint8Array): Promise<boolean> {
    let at = 0;
    while (at < target.length) {
      const chunk = this.rest ?? (await this.read());
      this.rest = undefined;
      if (!chunk) return false;
      const part = chunk.subarray(0, target.length - at);
      target.set(part, at);
      at += part.length;
      if (part.length < chunk.length) this.rest = chunk.subarray(part.length);
    }
    return true;
  }

  private async read(): Promise<Uint8Array | undefined> {
    const { stdout } = this.child;
    for (;;) {
      const chunk: Uint8Array | null = stdout.read();
      if (chunk) return chunk;
      if (stdout.readableEnded || stdout.destroyed) return undefined;
      await this.readable();
    }
  }

  private readable(): Promise<void> {
    const { stdout } = this.child;
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.failure = new VideoError(`${this.input.source}: no frame for ${STALL_MS / 1000} s`);
        this.stop();
      }, STALL_MS);
      const events = ["readable", "end", "close", "error"] as const;
      const done = (): void => {
        clearTimeout(timer);
        for (const event of events) stdout.off(event, done);
        resolve();
      };
      for (const event of events) stdout.on(event, done);
    });
  }

  /** Checks that the frames received are all there are. */
  private async end(): Promise<void> {
    const code = await this.closed;
    const { stopped, failure, count } = this;
    const { source } = this.input;
    if (failure) throw failure;
    if (stopped) return;
    this.options.signal?.removeEventListener("abort", this.stop);
    const { complaints, frames: decoded } = await this.said.all();
    const why = complaints.length > 0 ? complaints.join("; ") : `ffmpeg ended with ${code}`;
    const { frames, counted } = this.info;
    const expected = frames === undefined ? undefined : Math.floor(frames / this.options.stride);
    if (count === 0) {
      const few = expected === 0 ? `it has fewer frames than the stride of ${this.options.stride}` : why;
      throw new VideoError(`${source}: no frames could be read: ${few}`, { source });
    }
    const short = counted && expected !== undefined && count < expected;
    // Containers without a count of their frames are known to be cut only where ffmpeg says so.
    const cut = complaints.some((complaint) => /ended prematurely/i.test(complaint));
    if (code !== 0 || cut || (short && complaints.length > 0)) {
      const of = expected === undefined ? "" : ` of ${expected}`;
      throw new VideoError(`${source}: is damaged after ${count}${of} frames: ${why}`, { source, frames: count });
    }
    if (count < decoded) {
      throw new VideoError(`${source}: only ${count} of the ${decoded} frames that ffmpeg decoded arrived`, { source });
    }
    if (complaints.length > 0) this.options.onWarning(`${source}: ffmpeg found damage in it: ${why}`);
    if (short) {
      // An edit list that leaves out frames has this effect too.
      this.options.onWarning(
        `${source}: claims to have ${frames} frames, but ffmpeg decodes ${count}${this.afterStride()}`,
      );
    }
  }

  private afterStride(): string {
    const { stride } = this.options;
    return stride > 1 ? ` with a stride of ${stride}` : "";
  }
}

/**
 * `-fps_mode` was added in 5.1 (2022) and its older name is going away. Builds from git have no version number and
 * are newer.
 */
function hasFpsMode(version: string): boolean {
  const found = /^ffmpeg version n?(\d+)\.(\d+)/.exec(version);
  return !found || Number(found[1]) > 5 || (Number(found[1]) === 5 && Number(found[2]) >= 1);
}

function decodeArguments(
  input: VideoInput,
  info: VideoInfo,
  { stride, maxPixels }: FrameSourceOptions,
  modernSync: boolean,
): string[] {
  // detect.py grabs n frames and uses the last of them.
  const select = stride > 1 ? [`select=not(mod(n+1\\,${stride}))`] : [];
  // ffmpeg rotates frames upright itself. The fixed size keeps the pipe aligned if a stream changes its size.
  const filters = [...select, `scale=${info.width}:${info.height}`, "showinfo=checksum=0"];
  return [
    ...["-hide_banner", "-nostdin", "-nostats", "-loglevel", "repeat+level+info"],
    ...decoderLimits(maxPixels),
    // Each decoder thread holds its own frame.
    ...(hasLargeFrames(info) ? ["-threads", "1"] : []),
    ...input.args,
    ...["-map", "0:V:0", "-an", "-sn", "-dn", "-vf", filters.join(",")],
    // Every frame once: none duplicated or dropped to keep a constant rate.
    ...(modernSync ? ["-fps_mode", "passthrough"] : ["-vsync", "passthrough"]),
    ...["-pix_fmt", "rgb24", "-f", "rawvideo", "pipe:1"],
  ];
}
