/** Pictures as this engine stores them: upright RGB bytes. */

/** Row-major, 8 bits per channel, 3 channels in the order R, G, B. */
export interface RgbImage {
  readonly width: number;
  readonly height: number;
  /** `width` × `height` × 3 bytes. */
  readonly data: Uint8Array;
  /**
   * In browsers: the picture in a form that WebGPU can import (VideoFrame, ImageBitmap). `data` is then computed on
   * first access.
   */
  readonly drawable?: object | undefined;
}
