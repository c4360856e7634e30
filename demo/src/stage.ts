/** The picture or video with the result on top, aligned at every size and pixel density. */

import type { Result, Trail } from "yolov5-ts";
import { box, byId, canvas } from "./dom.js";
import { drawResult } from "./drawing.js";

/** Fraction of the window's height that a picture may take up. */
const MOST_HEIGHT = 0.68;
/** Maximum magnification of pictures smaller than the stage. */
const MOST_GROWTH = 4;

export class Stage {
  readonly video = byId("video", HTMLVideoElement);
  private readonly picture = canvas("picture");
  private readonly overlay = canvas("overlay");
  private readonly fit = box("fit");
  private size: readonly [width: number, height: number] = [0, 0];
  private result: Result | undefined;
  private trails: readonly Trail[] = [];
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
    this.picture.hidden = false;
    this.picture.width = bitmap.width;
    this.picture.height = bitmap.height;
    this.picture.getContext("2d")?.drawImage(bitmap, 0, 0);
    this.setResult(undefined);
    this.resize(bitmap.width, bitmap.height);
  }

  /** The picture shown before the video. */
  backToPicture(): void {
    this.video.hidden = true;
    this.picture.hidden = false;
    this.setResult(undefined);
    this.resize(this.picture.width, this.picture.height);
  }

  showVideo(): void {
    this.video.hidden = false;
    this.picture.hidden = true;
    this.setResult(undefined);
    this.resize(this.video.videoWidth, this.video.videoHeight);
  }

  /** @returns the drawing time in milliseconds. */
  setResult(result: Result | undefined, trails: readonly Trail[] = []): number {
    const started = performance.now();
    this.result = result;
    this.trails = trails;
    this.highlighted = undefined;
    this.draw();
    this.overlay.setAttribute("aria-label", result ? `Result: ${result.summary()}` : "No result yet");
    return performance.now() - started;
  }

  highlight(index: number | undefined): void {
    this.highlighted = index;
    this.draw();
  }

  /** The picture or video frame with the result drawn in, at its own size. */
  async toPng(): Promise<Blob> {
    const [width, height] = this.size;
    const target = document.createElement("canvas");
    target.width = width;
    target.height = height;
    const context = target.getContext("2d");
    if (!context) throw new Error("this browser has no canvas to draw on");
    context.drawImage(this.video.hidden ? this.picture : this.video, 0, 0, width, height);
    const density = Math.max(1, Math.max(width, height) / 900);
    const { result, trails } = this;
    if (result) drawResult(target, result, { density, trails });
    return new Promise((resolve, reject) => {
      target.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("the picture could not be encoded"))));
    });
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
    const { result, trails, highlighted: highlight } = this;
    drawResult(this.overlay, result, { density, highlight, trails });
  }
}
