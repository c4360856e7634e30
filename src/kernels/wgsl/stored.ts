/** How a four-dimensional tensor lies in memory; see `kernel.ts` for the layout. */

/** Sizes of a stored tensor: pictures, height, width, groups of four channels, pixels from one group to the next. */
export interface Stored {
  readonly pictures: number;
  readonly height: number;
  readonly width: number;
  /** Groups of four channels. */
  readonly quads: number;
  /** Pixels (vec4f) from one quad to the next. */
  readonly plane: number;
}

/** Slices start at multiples of 256 bytes, the largest alignment that WebGPU may ask of a binding: 16 pixels. */
const PLANE_MULTIPLE = 16;

export function storedTensor(pictures: number, storedChannels: number, height: number, width: number): Stored {
  const pixels = pictures * height * width;
  const plane = Math.ceil(pixels / PLANE_MULTIPLE) * PLANE_MULTIPLE;
  return { pictures, height, width, quads: Math.ceil(storedChannels / 4), plane };
}

export function pixelCount(t: Stored): number {
  return t.pictures * t.height * t.width;
}

export function storedBytes(t: Stored): number {
  return t.quads * t.plane * 16;
}
