/** Colours. */

/** Red, green, blue, 0 to 255. */
export type Color = readonly [red: number, green: number, blue: number];

export const WHITE: Color = [255, 255, 255];
export const BLACK: Color = [0, 0, 0];

/** WCAG 2 relative luminance, from 0 (black) to 1 (white). */
export function luminance([red, green, blue]: Color): number {
  const linear = (level: number) => {
    const v = level / 255;
    return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
}
