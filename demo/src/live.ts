/**
 * Frames of a video or the camera on their way to results. A frame is captured when it is shown and waits for the worker;
 * a newer one takes its place. So the worker is never without work while the page captures, draws and waits for frames.
 */

import type { PictureSource, Result, Trail } from "yolov5-ts";
import { Following } from "./following.js";
import { isSuperseded } from "./lane.js";
import type { Session } from "./session.js";
import type { Settings } from "./settings.js";

const FRAMES_FOR_MEDIAN = 31;

export interface LiveHandlers {
  /** @param fps median of the last frames; undefined for the first */
  readonly onResult: (result: Result, fps: number | undefined, trails: readonly Trail[]) => void;
  readonly onError: (error: unknown) => void;
}

/** The frame on the screen; the element itself where the browser has no frames to give: it is read when its turn comes. */
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

  /** For another video; results of frames that are under way are dropped. */
  restart(): void {
    this.run++;
    this.intervals = [];
    this.lastResult = 0;
    this.follow();
  }

  /** Ids begin at 1. */
  follow(): void {
    this.following.restart(this.settings.thresholds.conf ?? 0.25);
  }

  /** Takes the frame that the video shows. */
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
      // A model that was replaced leaves its frames unanswered; the next frame is its successor's.
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
