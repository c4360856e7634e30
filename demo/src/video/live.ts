/**
 * Runs the model on the frames of a video or camera. A frame is captured when it is shown and waits for the worker,
 * unless a newer one replaces it. So the worker is never idle while the page captures, draws and waits for frames.
 */

import type { PictureSource, Result, Trail } from "yolov5-ts";
import { Following } from "./following.js";
import { isSuperseded } from "../lane.js";
import type { Session } from "../session.js";
import type { Settings } from "../settings.js";

const FRAMES_FOR_MEDIAN = 31;

export interface LiveHandlers {
  /** @param fps median over the last frames; undefined for the first. */
  readonly onResult: (result: Result, fps: number | undefined, trails: readonly Trail[]) => void;
  readonly onError: (error: unknown) => void;
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
  private intervals: number[] = [];
  private lastResult = 0;
  private run = 0;

  constructor(
    private readonly session: Session,
    private readonly settings: Settings,
    private readonly handlers: LiveHandlers,
  ) {}

  /** Starts over for another video; results of pending frames are dropped. */
  restart(): void {
    this.run++;
    this.intervals = [];
    this.lastResult = 0;
    this.follow();
  }

  /** Restarts IDs at 1. */
  follow(): void {
    this.following.restart(this.settings.thresholds.conf ?? 0.25);
  }

  /** Captures the current frame. */
  async take(video: HTMLVideoElement): Promise<void> {
    const { run } = this;
    const { imgsz, thresholds, tracking } = this.settings;
    try {
      const asked = tracking ? this.following.thresholds(thresholds) : thresholds;
      const result = await this.session.frame(capture(video), imgsz, asked);
      if (!result || run !== this.run) return;
      const followed = tracking
        ? this.following.follow(result, thresholds.conf ?? 0.25)
        : { result, trails: [] as readonly Trail[] };
      this.handlers.onResult(followed.result, video.paused ? undefined : this.rate(), followed.trails);
    } catch (error) {
      // A replaced model never answers its frames; the next frame goes to its successor.
      if (run === this.run && !isSuperseded(error)) this.handlers.onError(error);
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
