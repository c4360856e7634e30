/** Pictures as this engine passes them: upright RGB bytes. */

/** Row-major, 8 bits a channel, 3 channels in the order R, G, B. */
export interface RgbImage {
  readonly width: number;
  readonly height: number;
  /** `width` × `height` × 3 bytes. */
  readonly data: Uint8Array;
  /**
   * In browsers: the picture where WebGPU can take it from (VideoFrame, ImageBitmap). `data` is then computed when it is
   * first asked for.
   */
  readonly drawable?: object | undefined;
}
