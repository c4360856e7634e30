/** YOLOv5's twenty class colours. */

/** Red, green, blue, 0 to 255. */
export type Color = readonly [red: number, green: number, blue: number];

export const WHITE: Color = [255, 255, 255];
export const BLACK: Color = [0, 0, 0];

const PALETTE: readonly Color[] = [
  [0xff, 0x38, 0x38],
  [0xff, 0x9d, 0x97],
  [0xff, 0x70, 0x1f],
  [0xff, 0xb2, 0x1d],
  [0xcf, 0xd2, 0x31],
  [0x48, 0xf9, 0x0a],
  [0x92, 0xcc, 0x17],
  [0x3d, 0xdb, 0x86],
  [0x1a, 0x93, 0x34],
  [0x00, 0xd4, 0xbb],
  [0x2c, 0x99, 0xa8],
  [0x00, 0xc2, 0xff],
  [0x34, 0x45, 0x93],
  [0x64, 0x73, 0xff],
  [0x00, 0x18, 0xec],
  [0x84, 0x38, 0xff],
  [0x52, 0x00, 0x85],
  [0xcb, 0x38, 0xff],
  [0xff, 0x95, 0xc8],
  [0xff, 0x37, 0xc7],
];

/** The colour of a class; classes 20 apart share one. */
export function paletteColor(classIndex: number): Color {
  const index = Math.trunc(classIndex) % PALETTE.length;
  return PALETTE[index < 0 ? index + PALETTE.length : index] ?? PALETTE[0];
}

/** WCAG 2 relative luminance, from 0 (black) to 1 (white). */
export function luminance([red, green, blue]: Color): number {
  const linear = (level: number) => {
    const v = level / 255;
    return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
}
