/** A picture before it is resized, with all that a device needs to put it into the network's input as the CPU would. */

/** Two neighbours for each index of a resized axis, clamped to the source, and their weights out of 2048. */
export interface ResizeAxis {
  readonly first: Int32Array;
  readonly second: Int32Array;
  readonly firstWeight: Int32Array;
  readonly secondWeight: Int32Array;
}

/** Row-major bytes: R, G, B, or with a fourth one that is not looked at. */
export interface PackedPixels {
  readonly width: number;
  readonly height: number;
  readonly channels: 3 | 4;
  readonly data: Uint8Array | Uint8ClampedArray;
  /** The same picture in a browser's graphics memory. `data` may then cost a copy. */
  readonly drawable?: VideoFrame | ImageBitmap | undefined;
}

/**
 * In the network's input the resized picture has its upper left corner at (`x`, `y`), with one column for each index of
 * `columns` and one row for each of `rows`. The rest is `grey`. The input's floats are byte / 255.
 */
export interface FittedPicture {
  readonly pixels: PackedPixels;
  readonly x: number;
  readonly y: number;
  /** The same objects for the same sizes, so that they need not be sent again. */
  readonly columns: ResizeAxis;
  readonly rows: ResizeAxis;
  readonly grey: number;
}
