/** One video of a detect run: frames → results → log lines or a bar, annotated video, labels. */

import { withoutLogin } from "../../api/address.js";
import type { RgbImage } from "../../image/index.js";
import type { LiveServer } from "../../node/live/liveServer.js";
import type { VideoFrame } from "../../node/video/frameSource.js";
import { type VideoInput, videoInput } from "../../node/video/input.js";
import { hasLargeFrames, probeVideo, type VideoInfo } from "../../node/video/probe.js";
import { type ReadVideoOptions, readFrames } from "../../node/video/readVideo.js";
import { atTheirTime, readReconnecting } from "../../node/video/reconnect.js";
import { inOrder } from "../../yolov5/calls/inOrder.js";
import type { Result } from "../../yolov5/model.js";
import type { DetectOptions } from "../../yolov5/options.js";
import { formatF } from "../../yolov5/output/text/printf.js";
import { LastWork, throwIfInterrupted } from "../interrupt.js";
import type { CliModel } from "../loadModel.js";
import type { DetectFlags } from "../options/flags.js";
import type { Output } from "../output.js";
import { type Bar, openBar } from "../progress.js";
import type { Counts } from "./count/counts.js";
import type { SceneEvent } from "./count/scene.js";
import type { Sequence } from "./count/sequence.js";
import { TRACK_BUFFER } from "./follow.js";
import type { HiddenParts } from "./hide/blurFlags.js";
import { BlurredFrames, type FollowedFrame } from "./hide/blurredFrames.js";
import type { Saver, VideoSaver } from "./save.js";
import { frameLine, type Shown, shownOf } from "./summary.js";
import type { DetectWorkers } from "./work/detectWorkers.js";

export interface VideoContext {
  readonly flags: DetectFlags;
  readonly output: Output;
  readonly model: CliModel;
  readonly options: DetectOptions;
  readonly saver: Saver;
  /** Tracks and counts, frame by frame. */
  readonly sequence: Sequence;
  readonly hidden: HiddenParts | undefined;
  /** Shows the frames as they come. */
  readonly live: LiveServer | undefined;
  /** Undefined: the model on this thread detects. */
  readonly workers: DetectWorkers | undefined;
  /** Counts a result and keeps what the JSON and the table need. */
  readonly take: (shown: Shown, result: Result, events: readonly SceneEvent[]) => Promise<void>;
}

/** Frames, some of which may have been in another thread meanwhile, and their results. */
interface DetectedGroup {
  readonly group: readonly RgbImage[];
  readonly results: readonly Result[];
}

/** The JSON fields for a whole video. */
export interface VideoReport {
  readonly source: string;
  readonly frames: number;
  readonly seconds: number;
  /** Frames per second, end to end: decoding, network, drawing, encoding. */
  readonly fps: number;
  readonly sourceFps: number;
  readonly tracks?: number;
  readonly savedTo?: string;
  readonly counts?: Counts;
}

export class VideoRun {
  private readonly context: VideoContext;
  private readonly input: VideoInput;
  private readonly place: readonly [index: number, count: number];
  private info: VideoInfo | undefined;
  private saved: VideoSaver | undefined;
  private blurred: BlurredFrames | undefined;
  private bar: Bar = { update: () => undefined, stop: () => undefined };
  private barShown = false;
  private frames = 0;
  private started = 0;
  private elapsed = 0;
  private finished: Promise<void> | undefined;
  /** The frame in progress at Ctrl-C, and those that waited for it. */
  private readonly keeping = new LastWork();

  /**
   * @param place position of the source among all, as in `video 1/2`.
   * @throws VideoError for a camera name that this system does not use.
   */
  constructor(context: VideoContext, source: string, place: readonly [index: number, count: number]) {
    this.context = context;
    this.input = videoInput(source);
    this.place = place;
  }

  get source(): string {
    return this.input.source;
  }

  get report(): VideoReport {
    const { frames, source } = this;
    const { tracks, counts } = this.context.sequence;
    return {
      source,
      frames,
      seconds: this.elapsed / 1000,
      fps: this.elapsed > 0 ? (frames * 1000) / this.elapsed : 0,
      sourceFps: this.info?.fps ?? 0,
      ...(tracks === undefined ? {} : { tracks }),
      ...(this.saved?.writer === undefined ? {} : { savedTo: this.saved.writer.path }),
      ...(counts === undefined ? {} : { counts }),
    };
  }

  /** @throws VideoError, also in mid-video if the video is truncated; DeviceError. */
  async run(): Promise<void> {
    const { output, flags, saver, hidden } = this.context;
    const { signal } = output.io;
    const onWarning = (text: string): void => output.warn(text);
    const info = await probeVideo(this.input, { signal, maxPixels: flags.maxPixels });
    this.info = info;
    const { live } = info;
    const stride = flags.vidStride;
    const [over, under = "1"] = info.rate.split("/");
    // With a stride, the annotated video keeps its duration and so has fewer frames per second.
    const rate = `${over}/${Number(under) * stride}`;
    // Credentials must not end up in a file name.
    const source = withoutLogin(this.source);
    this.saved = await saver.openVideo(
      { source, live, stride, fps: info.fps },
      {
        width: info.width,
        height: info.height,
        rate,
        live,
        sound: hidden && !live ? this.input : undefined,
        onWarning,
      },
    );
    const { trackBuffer = TRACK_BUFFER, confThres } = flags;
    if (hidden) this.blurred = new BlurredFrames(hidden, info, trackBuffer, confThres);
    const total = this.total(info);
    await this.openBar(total);
    this.started = performance.now();
    const ended = new AbortController();
    const stop = AbortSignal.any([signal, ended.signal]);
    try {
      const reading = { stride, onWarning, signal: stop, maxPixels: flags.maxPixels };
      await this.runFrames(this.framesOf(info, reading), total);
    } finally {
      ended.abort();
      await this.finish();
    }
    if (this.saved?.problem !== undefined) throw this.saved.problem;
  }

  /** For a live page, streams are reopened, and files play at their own pace. */
  private framesOf(info: VideoInfo, options: ReadVideoOptions): AsyncIterable<VideoFrame> {
    const { live, output } = this.context;
    if (!live) return readFrames(this.input, info, options);
    if (!info.live) return atTheirTime(readFrames(this.input, info, options), options.signal);
    const onWait = (why: string, seconds: number): void => {
      const waiting = `${why}; trying again in ${seconds} s`;
      output.line(`${this.source}: ${waiting}`);
      live.tell({ waiting: `Waiting for ${this.source}: ${waiting}`, counts: {} });
    };
    return readReconnecting(this.input, info, { ...options, onWait });
  }

  /** Completes the annotated video so that it plays, even in the middle of `run`: with all frames that are counted. */
  finish(): Promise<void> {
    this.finished ??= this.complete();
    return this.finished;
  }

  private async complete(): Promise<void> {
    await this.keeping.settled();
    // Frames that were still waiting for later ones.
    for (const ready of this.blurred?.end() ?? []) await this.write(ready, this.total(this.info));
    this.bar.stop();
    await this.saved?.writer?.finish();
    if (this.elapsed === 0 && this.started > 0) this.elapsed = performance.now() - this.started;
  }

  /** `clip.mp4: 375 frames in 12.3 s (30.5 FPS), 7 tracks`. */
  line(): string {
    const { frames, seconds, fps, tracks } = this.report;
    const ids = tracks === undefined ? "" : `, ${tracks} track${tracks === 1 ? "" : "s"}`;
    const plural = frames === 1 ? "" : "s";
    return `${this.source}: ${frames} frame${plural} in ${formatF(seconds, 1)} s (${formatF(fps, 1)} FPS)${ids}`;
  }

  private total(info: VideoInfo | undefined): number | undefined {
    const { vidStride, maxFrames } = this.context.flags;
    const frames = info?.frames;
    const own = frames === undefined ? undefined : Math.floor(frames / vidStride);
    return maxFrames === undefined ? own : Math.min(own ?? maxFrames, maxFrames);
  }

  /** On a terminal, one bar replaces the many log lines. */
  private async openBar(total: number | undefined): Promise<void> {
    const { output } = this.context;
    const [index, count] = this.place;
    const many = count > 1 ? `${index}/${count} ` : "";
    const format =
      total === undefined
        ? `video ${many}{value} frames, {fps} FPS`
        : `video ${many}{bar} {value}/{total} frames, {fps} FPS, {eta} s left`;
    this.barShown = output.io.stderr.terminal !== undefined && output.humanOnTerminal;
    if (this.barShown) this.bar = await openBar(output, total ?? 0, format, { fps: "…" });
  }

  /**
   * While one group of frames is drawn and written, the network processes the next, and the one after that is
   * decoded.
   */
  private async runFrames(frames: AsyncIterable<VideoFrame>, total: number | undefined): Promise<void> {
    const { flags, output, workers } = this.context;
    // A queued frame is no longer live, and many large frames would exhaust the memory.
    const alone = this.info !== undefined && (this.info.live || hasLargeFrames(this.info));
    const groups = grouped(frames, alone ? 1 : flags.batchSize, flags.maxFrames);
    // So that a worker always finds a frame when it is done with one.
    const many = workers ? 2 * workers.count : 2;
    const running = inOrder(groups, async (group) => ({ result: this.detect(group) }), { most: alone ? 1 : many });
    for await (const { group, results } of running) {
      for (const [i, result] of results.entries()) await this.keeping.of(this.keep(group[i], result, total));
    }
    throwIfInterrupted(output.io.signal);
  }

  private async detect(group: readonly VideoFrame[]): Promise<DetectedGroup> {
    const { model, options, workers, output } = this.context;
    const { source } = this;
    if (workers) {
      const { results, frames, warnings } = await workers.frames(source, group);
      for (const warning of warnings) output.warn(warning);
      return { group: frames, results };
    }
    const pictures = group.map(({ data, width, height, frame, time }) => ({
      image: { data, width, height },
      source,
      frame,
      time,
    }));
    return { group, results: await model.detect(pictures, options) };
  }

  /** Whether processing frames is useful even if the annotated video cannot be written. */
  private get readElsewhere(): boolean {
    const { flags, output } = this.context;
    return output.wantsJson || output.wantsNdjson || (flags.saveTxt ?? false) || (flags.saveCrop ?? false);
  }

  private async keep(image: RgbImage, plain: Result, total: number | undefined): Promise<void> {
    const { output, sequence } = this.context;
    throwIfInterrupted(output.io.signal);
    const frame = { image, followed: sequence.follow(plain) };
    for (const ready of this.blurred?.push(frame) ?? [frame]) await this.write(ready, total);
    if (this.saved?.problem !== undefined && !this.readElsewhere) throw this.saved.problem;
  }

  private async write({ image, followed }: FollowedFrame, total?: number): Promise<void> {
    const { output, sequence, take, live } = this.context;
    const { result, events, ...extras } = sequence.count(followed, image);
    const saving = this.saved?.save(image, result, extras);
    this.frames++;
    const shown = shownOf(result);
    if (!this.barShown) output.line(frameLine(shown, ...this.place, this.info?.live ? undefined : total));
    const fps = (this.frames * 1000) / (performance.now() - this.started);
    this.bar.update(this.frames, { fps: formatF(fps, 1) });
    const counts = Object.fromEntries(result.count());
    live?.tell({ frames: this.frames, fps, counts, waiting: undefined });
    await take(shown, result, events);
    await saving;
  }
}

/** Groups of up to `size` frames, at most `most` frames in all. */
async function* grouped<T>(
  items: AsyncIterable<T>,
  size: number,
  most = Number.POSITIVE_INFINITY,
): AsyncGenerator<T[]> {
  let group: T[] = [];
  let count = 0;
  for await (const item of items) {
    group.push(item);
    count++;
    if (group.length === size || count >= most) {
      yield group;
      group = [];
    }
    if (count >= most) return;
  }
  if (group.length > 0) yield group;
}
