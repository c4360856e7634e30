/** How a four-dimensional tensor lies in memory; see `kernel.ts` for the layout. */

export type PixelBytes = 16 | 8;

/** Sizes of a stored tensor: pictures, height, width, groups of four channels, pixels from one group to the next. */
export interface Stored {
  readonly pictures: number;
  readonly height: number;
  readonly width: number;
  /** Groups of four channels. */
  readonly quads: number;
  /** Pixels from one quad to the next. */
  readonly plane: number;
  /** Bytes of four channels of a pixel: 16 in float32, 8 in float16. */
  readonly pixelBytes: PixelBytes;
}

/** Slices start at multiples of 256 bytes, the largest alignment that WebGPU may ask of a binding. */
const ALIGNMENT = 256;

export function storedTensor(
  pictures: number,
  storedChannels: number,
  height: number,
  width: number,
  pixelBytes: PixelBytes = 16,
): Stored {
  const pixels = pictures * height * width;
  const multiple = ALIGNMENT / pixelBytes;
  const plane = Math.ceil(pixels / multiple) * multiple;
  return { pictures, height, width, quads: Math.ceil(storedChannels / 4), plane, pixelBytes };
}

export function pixelCount(t: Stored): number {
  return t.pictures * t.height * t.width;
}

export function storedBytes(t: Stored): number {
  return t.quads * t.plane * t.pixelBytes;
}
