/**
 * Runs the model on the frames of a video or camera. A frame is captured when it is shown and waits for the worker,
 * unless a newer one replaces it. So the worker is never idle while the page captures, draws and waits for frames.
 */

import type { PictureSource, Result, Trail } from "yolov5-ts";
import { isSuperseded } from "../lane.js";
import type { Session } from "../session.js";
import type { Settings } from "../settings/settings.js";
import type { View } from "../settings/view.js";
import { Following } from "./following.js";
import { type Frame, Frames } from "./frames.js";
import type { Pixels } from "./pixels.js";

const FRAMES_FOR_MEDIAN = 31;

/** A frame's result, and how it is shown. */
export interface Shown {
  readonly result: Result;
  readonly trails: readonly Trail[];
  /** All that is followed, also what is too weak to be shown: this is blurred. */
  readonly followed: Result;
  /** Boxes below this confidence only continue tracks. */
  readonly conf: number;
  /** Seconds of the video. */
  readonly time: number;
  /** The frame itself, where it is shown instead of the video; undefined: the video shows what comes next. */
  readonly frame: Frame | undefined;
}

export interface LiveHandlers {
  /** The result of a frame, as soon as it is known. */
  readonly onSeen: (result: Result, time: number) => void;
  /** @param fps median over the last frames; undefined for the first. */
  readonly onResult: (shown: Shown, fps: number | undefined) => void;
  /** The video began again. */
  readonly onAgain: () => void;
  readonly onError: (error: unknown) => void;
  /** Whether frames are needed that fit their results exactly, for a recording. */
  readonly exact: () => boolean;
  /** Whether objects must be followed, though the visitor did not ask for it. */
  readonly follows: () => boolean;
}

/** The frame on screen, or the element itself if the browser lacks VideoFrame: it is then read when its turn comes. */
function capture(video: HTMLVideoElement): PictureSource {
  try {
    return typeof VideoFrame === "undefined" ? video : new VideoFrame(video);
  } catch {
    return video;
  }
}

export class Live {
  private readonly following = new Following();
  private readonly frames = new Frames();
  private pixels: Pixels<Shown & { readonly frame: Frame }> | undefined;
  private intervals: number[] = [];
  private lastResult = 0;
  private lastTime = 0;
  private run = 0;

  constructor(
    private readonly session: Session,
    private readonly settings: Settings,
    private readonly view: View,
    private readonly handlers: LiveHandlers,
  ) {}

  /** Starts over for another video; results of pending frames are dropped. */
  restart(): void {
    this.run++;
    this.intervals = [];
    this.lastResult = 0;
    this.lastTime = 0;
    for (const { frame } of this.pixels?.restart() ?? []) this.frames.release(frame);
    this.follow();
  }

  /** Restarts IDs at 1. */
  follow(): void {
    this.following.restart(this.settings.thresholds.conf ?? 0.25);
  }

  /** Captures the current frame. */
  async take(video: HTMLVideoElement): Promise<void> {
    const time = video.currentTime;
    if (time < this.lastTime) {
      this.restart();
      this.handlers.onAgain();
    }
    this.lastTime = time;
    const { run, settings, view, handlers } = this;
    const { imgsz, thresholds } = settings;
    const { look } = view;
    const named = settings.tracking || handlers.follows();
    const tracking = named || (look.blur !== undefined && settings.trackable);
    const kept = look.blur || look.heat || handlers.exact() ? this.frames.copy(video) : undefined;
    try {
      const asked = tracking ? this.following.thresholds(thresholds) : thresholds;
      const source = kept && typeof VideoFrame === "undefined" ? await createImageBitmap(kept.canvas) : capture(video);
      const result = await this.session.frame(source, { imgsz, slice: view.slice }, asked);
      if (!result || run !== this.run) return this.frames.release(kept);
      const conf = thresholds.conf ?? 0.25;
      const { result: followed, trails } = tracking ? this.following.follow(result, conf) : { result, trails: [] };
      const shown = named || !tracking ? followed : result.filter(({ confidence }) => confidence >= conf);
      handlers.onSeen(shown, time);
      const seen = { result: shown, followed, conf, trails: settings.tracking ? trails : [], time };
      const fps = video.paused ? undefined : this.rate();
      if (kept) await this.changed({ ...seen, frame: kept }, video.paused, fps, run);
      // What was captured before a blur was asked for must not be seen.
      else if (!view.look.blur) handlers.onResult({ ...seen, frame: undefined }, fps);
    } catch (error) {
      this.frames.release(kept);
      // A replaced model never answers its frames; the next frame goes to its successor.
      if (run === this.run && !isSuperseded(error)) handlers.onError(error);
    }
  }

  /** Changes the pixels of frames and shows those that are ready. */
  private async changed(
    seen: Shown & { readonly frame: Frame },
    paused: boolean,
    fps: number | undefined,
    run: number,
  ): Promise<void> {
    if (!this.pixels) {
      const { Pixels: Loaded } = await import("./pixels.js");
      this.pixels ??= new Loaded();
    }
    if (run !== this.run) return this.frames.release(seen.frame);
    for (const ready of this.pixels.push(seen, this.view.look, this.following.lost, paused)) {
      this.handlers.onResult(ready, fps);
      this.frames.release(ready.frame);
    }
  }

  private rate(): number | undefined {
    const now = performance.now();
    if (this.lastResult > 0) this.intervals.push(now - this.lastResult);
    this.lastResult = now;
    if (this.intervals.length > FRAMES_FOR_MEDIAN) this.intervals.shift();
    const middle = this.intervals.toSorted((a, b) => a - b)[this.intervals.length >> 1];
    return middle && 1000 / middle;
  }
}
