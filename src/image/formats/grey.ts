/** Grey levels to RGB. */

/** Each level three times. */
export function greyToRgb(levels: Uint8Array): Uint8Array {
  const rgb = new Uint8Array(levels.length * 3);
  for (let i = 0, to = 0; i < levels.length; i++, to += 3) {
    const level = levels[i];
    rgb[to] = level;
    rgb[to + 1] = level;
    rgb[to + 2] = level;
  }
  return rgb;
}
