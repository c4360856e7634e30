/** The picture or video with the result on top, aligned at every size and pixel density. */

import type { Result, ThemeName, Trail } from "yolov5-ts";
import type { Figure } from "yolov5-ts/solutions";
import { box, byId, canvas } from "./dom.js";
import { drawResult } from "./drawing.js";

/** Fraction of the window's height that a picture may take up. */
const MOST_HEIGHT = 0.68;
/** Maximum magnification of pictures smaller than the stage. */
const MOST_GROWTH = 4;

/** What lies on a result. */
export interface Layers {
  readonly trails?: readonly Trail[];
  /** Lines and zones. */
  readonly figures?: readonly Figure[];
  readonly theme?: ThemeName;
  /** The picture or frame with changed pixels, shown instead of its original. */
  readonly frame?: OffscreenCanvas | undefined;
}

export class Stage {
  readonly video = byId("video", HTMLVideoElement);
  private readonly original = canvas("picture");
  private readonly changed = canvas("frame");
  private readonly overlay = canvas("overlay");
  private readonly fit = box("fit");
  private size: readonly [width: number, height: number] = [0, 0];
  private result: Result | undefined;
  private layers: Layers = {};
  private highlighted: number | undefined;

  constructor() {
    new ResizeObserver(() => this.layout()).observe(box("stage"));
    window.addEventListener("resize", () => this.layout());
    this.video.addEventListener("resize", () => {
      if (!this.video.hidden) this.resize(this.video.videoWidth, this.video.videoHeight);
    });
  }

  get showsVideo(): boolean {
    return !this.video.hidden;
  }

  showPicture(bitmap: ImageBitmap): void {
    this.video.hidden = true;
    this.original.hidden = false;
    this.original.width = bitmap.width;
    this.original.height = bitmap.height;
    this.original.getContext("2d")?.drawImage(bitmap, 0, 0);
    this.setResult(undefined);
    this.resize(bitmap.width, bitmap.height);
  }

  /** The picture shown before the video. */
  backToPicture(): void {
    this.video.hidden = true;
    this.original.hidden = false;
    this.setResult(undefined);
    this.resize(this.original.width, this.original.height);
  }

  showVideo(): void {
    this.video.hidden = false;
    this.original.hidden = true;
    this.setResult(undefined);
    this.resize(this.video.videoWidth, this.video.videoHeight);
  }

  /** The picture itself, for what changes its pixels. */
  get picture(): HTMLCanvasElement {
    return this.original;
  }

  /** Hides a video until its frames come with changed pixels; or shows it again. */
  cover(covered: boolean): void {
    this.fit.classList.toggle("covered", covered);
  }

  /** @returns the drawing time in milliseconds. */
  setResult(result: Result | undefined, layers: Layers = {}): number {
    const started = performance.now();
    this.result = result;
    this.layers = layers;
    this.highlighted = undefined;
    this.showFrame(layers.frame);
    this.draw();
    this.overlay.setAttribute("aria-label", result ? `Result: ${result.summary()}` : "No result yet");
    return performance.now() - started;
  }

  highlight(index: number | undefined): void {
    this.highlighted = index;
    this.draw();
  }

  /** Lines and zones were moved. */
  setFigures(figures: readonly Figure[]): void {
    this.layers = { ...this.layers, figures };
    this.draw();
  }

  /** Draws the picture or video frame with the result on a canvas, which gets its size. */
  compose(target: HTMLCanvasElement): void {
    const [width, height] = this.size;
    if (target.width !== width || target.height !== height) Object.assign(target, { width, height });
    const context = target.getContext("2d");
    if (!context) throw new Error("this browser has no canvas to draw on");
    const source = !this.changed.hidden ? this.changed : this.video.hidden ? this.original : this.video;
    context.drawImage(source, 0, 0, width, height);
    const density = Math.max(1, Math.max(width, height) / 900);
    const { result, layers } = this;
    if (result) drawResult(target, result, { density, ...layers });
  }

  /** The picture or video frame with the result drawn in, at its own size. */
  async toPng(): Promise<Blob> {
    const target = document.createElement("canvas");
    this.compose(target);
    return new Promise((resolve, reject) => {
      target.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("the picture could not be encoded"))));
    });
  }

  private showFrame(frame: OffscreenCanvas | undefined): void {
    const { changed } = this;
    changed.hidden = frame === undefined;
    if (!frame) return;
    if (changed.width !== frame.width || changed.height !== frame.height) {
      Object.assign(changed, { width: frame.width, height: frame.height });
    }
    changed.getContext("2d")?.drawImage(frame, 0, 0);
  }

  private resize(width: number, height: number): void {
    this.size = [width, height];
    this.layout();
  }

  /** The largest size that fits the stage, with the picture's aspect ratio. */
  private layout(): void {
    const [width, height] = this.size;
    if (width === 0 || height === 0) return;
    const scale = Math.min(box("stage").clientWidth / width, (innerHeight * MOST_HEIGHT) / height, MOST_GROWTH);
    this.fit.style.width = `${width * scale}px`;
    this.fit.style.height = `${height * scale}px`;
    this.draw();
  }

  private draw(): void {
    const density = devicePixelRatio;
    const { width, height } = this.fit.getBoundingClientRect();
    const [pixelWidth, pixelHeight] = [Math.round(width * density), Math.round(height * density)];
    if (this.overlay.width !== pixelWidth || this.overlay.height !== pixelHeight) {
      this.overlay.width = pixelWidth;
      this.overlay.height = pixelHeight;
    }
    this.overlay.getContext("2d")?.clearRect(0, 0, pixelWidth, pixelHeight);
    if (!this.result || this.size[0] === 0) return;
    const { result, layers, highlighted: highlight } = this;
    drawResult(this.overlay, result, { density, highlight, ...layers });
  }
}
