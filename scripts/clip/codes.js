/** Patterns that look like codes, for pictures drawn in a page; they carry no data. */

/** A generator of numbers from 0 to 1 that always gives the same ones (mulberry32). */
export function numbers(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Modules of a square code: true is black. */
function square(side, isBlack) {
  return Array.from({ length: side }, (_, y) => Array.from({ length: side }, (_, x) => isBlack(x, y)));
}

/** Rings of a finder or alignment pattern around its centre: null outside. */
function rings(x, y, [cx, cy], radius, white) {
  const far = Math.max(Math.abs(x - cx), Math.abs(y - cy));
  return far > radius ? null : far !== white;
}

const SIDE = 25;

/** A QR code of version 2: finders, alignment, timing; the rest at random. */
export function qrCode(random) {
  const finders = [
    [3, 3],
    [SIDE - 4, 3],
    [3, SIDE - 4],
  ];
  return square(SIDE, (x, y) => {
    const data = random() < 0.5;
    for (const centre of finders) {
      const ring = rings(x, y, centre, 3, 2);
      if (ring !== null) return ring;
      // The white border of a finder.
      if (rings(x, y, centre, 4, 4) !== null) return false;
    }
    const alignment = rings(x, y, [SIDE - 7, SIDE - 7], 2, 1);
    if (alignment !== null) return alignment;
    return x === 6 ? y % 2 === 0 : y === 6 ? x % 2 === 0 : data;
  });
}

/** A Data Matrix code: two solid edges, two of alternating modules. */
export function dataMatrix(random) {
  const side = 16;
  return square(side, (x, y) => {
    const data = random() < 0.5;
    if (x === 0 || y === side - 1) return true;
    if (y === 0) return x % 2 === 0;
    return x === side - 1 ? y % 2 === 1 : data;
  });
}

/** An ArUco marker of 5 × 5 bits in a black border. */
export function aruco(random) {
  return square(7, (x, y) => {
    const bit = random() < 0.5;
    return x === 0 || y === 0 || x === 6 || y === 6 || bit;
  });
}

/** Widths of bars and gaps in turn, in modules, as EAN-13 has them: guards outside and in the middle. */
export function barcode(random) {
  const digit = () => {
    const [a, b, c] = [1, 1, 1].map(() => 1 + Math.floor(random() * 2));
    return [a, b, c, Math.max(1, 7 - a - b - c)];
  };
  const half = () => Array.from({ length: 6 }, digit).flat();
  return [1, 1, 1, ...half(), 1, 1, 1, 1, 1, ...half(), 1, 1, 1];
}
