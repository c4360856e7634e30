/** Frames of a video whose objects are hidden: they wait until it is known where lost objects were. */

import type { Xyxy } from "../../../boxes.js";
import type { RgbImage } from "../../../image/index.js";
import type { VideoInfo } from "../../../node/video/probe.js";
import { blur, isBlurred } from "../../../solutions/blur/blur.js";
import { type BridgedBox, TrackBridge } from "../../../solutions/blur/index.js";
import type { Followed } from "../follow.js";
import type { HiddenParts } from "./blurFlags.js";

/** Frames that wait may take this much memory. */
const MOST_BYTES = 512 * 2 ** 20;

/** A frame and its detections. */
export interface FollowedFrame {
  readonly image: RgbImage;
  readonly followed: Followed;
}

export class BlurredFrames {
  private readonly hidden: HiddenParts;
  private readonly conf: number;
  private readonly bridge: TrackBridge<FollowedFrame>;

  /**
   * @param gap frames for which a lost object is remembered.
   * @param conf boxes up to this confidence only continue tracks.
   */
  constructor(hidden: HiddenParts, { width, height, live }: VideoInfo, gap: number, conf: number) {
    this.hidden = hidden;
    this.conf = Math.fround(conf);
    this.bridge = new TrackBridge({ gap, most: live ? 0 : Math.floor(MOST_BYTES / (width * height * 3)) });
  }

  /** Takes the next frame. @returns frames whose objects are hidden now, in order. */
  push(frame: FollowedFrame): FollowedFrame[] {
    const { tracked, lost } = frame.followed;
    const boxes = tracked.detections
      .filter((detection) => isBlurred(detection, this.hidden))
      .map(({ xmin, ymin, xmax, ymax, track, confidence }): BridgedBox => {
        return { xyxy: [xmin, ymin, xmax, ymax], track, weak: confidence <= this.conf };
      });
    const gone = lost.filter((track) => isBlurred(track, this.hidden));
    return this.bridge.push(frame, boxes, gone).map((ready) => this.blurred(ready.frame, ready.added));
  }

  /** The frames that still wait. */
  end(): FollowedFrame[] {
    return this.bridge.end().map((ready) => this.blurred(ready.frame, ready.added));
  }

  private blurred(frame: FollowedFrame, added: readonly Xyxy[]): FollowedFrame {
    blur(frame.image, frame.followed.tracked, { ...this.hidden, added });
    return frame;
  }
}
