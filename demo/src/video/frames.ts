/** Copies of a video's frames, for as long as their results are awaited; canvases are used again. */

/** A frame's pixels, in ordinary memory: they are read and changed. */
export interface Frame {
  readonly canvas: OffscreenCanvas;
  readonly context: OffscreenCanvasRenderingContext2D;
}

export class Frames {
  private free: Frame[] = [];

  /** A copy of what a video shows, or of a picture. */
  copy(source: HTMLVideoElement | HTMLCanvasElement): Frame {
    const [width, height] =
      source instanceof HTMLVideoElement ? [source.videoWidth, source.videoHeight] : [source.width, source.height];
    const frame = this.free.pop() ?? create();
    const { canvas, context } = frame;
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    context.drawImage(source, 0, 0, width, height);
    return frame;
  }

  /** Gives a frame back that is no longer needed. */
  release(frame: Frame | undefined): void {
    if (frame && this.free.length < 3) this.free.push(frame);
  }
}

function create(): Frame {
  const canvas = new OffscreenCanvas(1, 1);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) throw new Error("this browser has no canvas to draw on");
  return { canvas, context };
}
