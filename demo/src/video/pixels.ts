/** What changes a frame's own pixels: objects that are blurred, and the heat map. Comes when it is first needed. */

import type { Result } from "yolov5-ts";
import {
  type BridgedBox,
  type BridgedFrame,
  blur,
  Heatmap,
  type ObscureStyle,
  type RgbImage,
  TrackBridge,
  type Xyxy,
} from "yolov5-ts/solutions";
import type { Frame } from "./frames.js";

/** How the visitor wants frames to look. */
export interface Look {
  /** Undefined: nothing is blurred. */
  readonly blur: ObscureStyle | undefined;
  /** Blur outlines where the model finds them. */
  readonly outlines: boolean;
  readonly heat: boolean;
}

/** A result with its frame and the time of that frame in seconds. */
export interface Seen {
  readonly result: Result;
  /** What is blurred: more than what is shown. */
  readonly followed: Result;
  /** Boxes below this confidence only continue tracks. */
  readonly conf: number;
  readonly frame: Frame;
  readonly time: number;
}

/** Memory that frames may take while they wait for a lost object to come back. */
const MOST_BYTES = 64e6;
const MOST_FRAMES = 12;

/** Frames that can wait at this size. */
const mostOf = ({ width, height }: OffscreenCanvas): number =>
  Math.max(1, Math.min(MOST_FRAMES, Math.floor(MOST_BYTES / (width * height * 4))));

/** Blurs a picture in place. */
export function blurPicture(frame: Frame, result: Result, look: Look): void {
  if (look.blur) change(frame, (image) => hide(image, result, look, []));
}

/** The frames of one video. */
export class Pixels<S extends Seen> {
  private bridge: TrackBridge<S> | undefined;
  private heatmap: Heatmap | undefined;

  /**
   * Takes the next frame of a video.
   * @param lost where the tracker expects objects that it did not see.
   * @param atOnce shows this frame now: no other will follow soon.
   * @returns the frames that can be shown, changed in place: until it is known where a lost object was, they wait.
   */
  push(seen: S, look: Look, lost: readonly Xyxy[], atOnce: boolean): S[] {
    const { result, frame, time } = seen;
    if (look.heat) this.warm(result, time);
    if (!look.blur) {
      const before = this.flush();
      return this.finish([...before, { frame: seen, added: [] }], look);
    }
    this.bridge ??= new TrackBridge<S>({ most: mostOf(frame.canvas) });
    const ready = this.bridge.push(
      seen,
      boxesOf(seen),
      lost.map((xyxy) => ({ xyxy })),
    );
    return this.finish(atOnce ? [...ready, ...this.flush()] : ready, look);
  }

  /** Starts over. @returns frames that were waiting. */
  restart(): S[] {
    this.heatmap = undefined;
    return this.flush().map(({ frame }) => frame);
  }

  private flush(): BridgedFrame<S>[] {
    const rest = this.bridge?.end() ?? [];
    this.bridge = undefined;
    return rest;
  }

  private warm(result: Result, time: number): void {
    const { width, height } = result;
    if (this.heatmap?.width !== width || this.heatmap.height !== height) this.heatmap = new Heatmap({ width, height });
    if (result.task !== "classify") this.heatmap.update(result.detections, { time });
  }

  private finish(ready: readonly BridgedFrame<S>[], look: Look): S[] {
    const { heatmap } = this;
    for (const { frame: seen, added } of ready) {
      if (!look.blur && !look.heat) continue;
      change(seen.frame, (image) => {
        if (look.blur) hide(image, seen.followed, look, added);
        if (look.heat && heatmap?.width === image.width && heatmap.height === image.height) {
          heatmap.overlay(image, { inPlace: true });
        }
      });
    }
    return ready.map(({ frame }) => frame);
  }
}

function boxesOf({ followed, conf }: Seen): BridgedBox[] {
  if (followed.task === "classify") return [];
  return followed.detections.map(({ xmin, ymin, xmax, ymax, track, confidence }) => {
    return { xyxy: [xmin, ymin, xmax, ymax], track, weak: confidence < conf };
  });
}

function hide(image: RgbImage, result: Result, { blur: style, outlines }: Look, added: readonly Xyxy[]): void {
  if (result.task === "classify") return;
  blur(image, result, { style, shape: outlines ? "mask" : "box", added });
}

/** Changes pixels as the library has them, without opacity. */
function change({ canvas, context }: Frame, by: (image: RgbImage) => void): void {
  const { width, height } = canvas;
  const pixels = context.getImageData(0, 0, width, height);
  const rgba = pixels.data;
  const image = { width, height, data: new Uint8Array(width * height * 3) };
  for (let from = 0, to = 0; from < rgba.length; from += 4, to += 3) {
    image.data[to] = rgba[from];
    image.data[to + 1] = rgba[from + 1];
    image.data[to + 2] = rgba[from + 2];
  }
  by(image);
  for (let from = 0, to = 0; to < rgba.length; from += 3, to += 4) {
    rgba[to] = image.data[from];
    rgba[to + 1] = image.data[from + 1];
    rgba[to + 2] = image.data[from + 2];
  }
  context.putImageData(pixels, 0, 0);
}
