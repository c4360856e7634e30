/** RGB bytes to PNG: 8-bit colour, not interlaced, each row with the filter that leaves the smallest residues. */

import { zlibSync } from "fflate";
import type { RgbImage } from "../types.js";
import { crc32 } from "./crc32.js";

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const PIXEL_BYTES = 3;
const FILTERS = 5;

/** Residues of one row under all five filters, into five rows of `candidates`, each with its filter byte. */
function filterRow(
  data: Uint8Array,
  start: number,
  rowBytes: number,
  first: boolean,
  candidates: readonly Uint8Array[],
) {
  const [none, sub, up, average, paeth] = candidates;
  for (let i = 0; i < rowBytes; i++) {
    const at = start + i;
    const value = data[at];
    const left = i >= PIXEL_BYTES ? data[at - PIXEL_BYTES] : 0;
    const above = first ? 0 : data[at - rowBytes];
    const corner = first || i < PIXEL_BYTES ? 0 : data[at - rowBytes - PIXEL_BYTES];
    const toLeft = Math.abs(above - corner);
    const toUp = Math.abs(left - corner);
    const toCorner = Math.abs(left + above - 2 * corner);
    const predicted = toLeft <= toUp && toLeft <= toCorner ? left : toUp <= toCorner ? above : corner;
    none[i + 1] = value;
    sub[i + 1] = value - left;
    up[i + 1] = value - above;
    average[i + 1] = value - ((left + above) >> 1);
    paeth[i + 1] = value - predicted;
  }
}

/** Sum of the residues' sizes as signed bytes: the usual guess of how well a row will deflate. */
function cost(row: Uint8Array): number {
  let sum = 0;
  for (let i = 1; i < row.length; i++) sum += row[i] < 128 ? row[i] : 256 - row[i];
  return sum;
}

function filterAll({ width, height, data }: RgbImage): Uint8Array {
  const rowBytes = width * PIXEL_BYTES;
  const filtered = new Uint8Array(height * (rowBytes + 1));
  const candidates = Array.from({ length: FILTERS }, (_, filter) => {
    const row = new Uint8Array(rowBytes + 1);
    row[0] = filter;
    return row;
  });
  for (let y = 0; y < height; y++) {
    filterRow(data, y * rowBytes, rowBytes, y === 0, candidates);
    let best = candidates[0];
    let bestCost = Number.POSITIVE_INFINITY;
    for (const candidate of candidates) {
      const candidateCost = cost(candidate);
      if (candidateCost < bestCost) {
        best = candidate;
        bestCost = candidateCost;
      }
    }
    filtered.set(best, y * (rowBytes + 1));
  }
  return filtered;
}

/**
 * A PNG file of `image`.
 * Source: PNG (third edition), sections 9 to 12.
 */
export function encodePng(image: RgbImage): Uint8Array {
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, image.width);
  view.setUint32(4, image.height);
  header.set([8, 2, 0, 0, 0], 8);
  const chunks: readonly (readonly [string, Uint8Array])[] = [
    ["IHDR", header],
    ["IDAT", zlibSync(filterAll(image), { level: 6 })],
    ["IEND", new Uint8Array(0)],
  ];
  const total = chunks.reduce((sum, [, body]) => sum + 12 + body.length, SIGNATURE.length);
  const file = new Uint8Array(total);
  const out = new DataView(file.buffer);
  file.set(SIGNATURE);
  let at = SIGNATURE.length;
  for (const [type, body] of chunks) {
    out.setUint32(at, body.length);
    for (let i = 0; i < 4; i++) file[at + 4 + i] = type.charCodeAt(i);
    file.set(body, at + 8);
    out.setUint32(at + 8 + body.length, crc32(file, at + 4, at + 8 + body.length));
    at += 12 + body.length;
  }
  return file;
}
