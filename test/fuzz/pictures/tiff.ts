/** TIFFs tag by tag: sizes, places, counts and types that are not so. */

import { zlibSync } from "fflate";
import { bytes, le } from "../../weights/support.js";
import type { Draw } from "../draw.js";
import { reordered, scribbled, sound } from "./chunks.js";

const WIDTH_OF_TYPE = [0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8];

/** A TIFF written anew from tags, or a sound one with some of its tags changed. */
export function tiff(draw: Draw): Uint8Array {
  if (draw.chance(0.4)) return changedTiff(draw);
  const [width, height] = [draw.pick([1, 7, 16, 40]), draw.pick([1, 5, 16])];
  const samples = draw.pick([1, 3, 3, 4]);
  const compression = draw.pick([1, 1, 5, 8, 32773, 32773, 32946, 2, 3, 4, 7]);
  const raw = draw.bytes(width * height * samples);
  const packed =
    compression === 8 || compression === 32946 ? zlibSync(raw) : compression === 32773 ? packBits(raw) : raw;
  const tile = draw.chance(0.3);
  const pixels: (readonly [number, number, readonly number[]])[] = tile
    ? [
        [322, 4, [draw.lie(16)]],
        [323, 4, [draw.lie(16)]],
        [324, 4, [draw.lie(8, 2 ** 32 - 1, 0.05)]],
        [325, 4, [draw.lie(packed.length, 2 ** 32 - 1, 0.05)]],
      ]
    : [
        [273, 4, [draw.lie(8, 2 ** 32 - 1, 0.05)]],
        [278, 4, [draw.lie(height)]],
        [279, 4, [draw.lie(packed.length, 2 ** 32 - 1, 0.05)]],
      ];
  const tags: (readonly [number, number, readonly number[]])[] = [
    [256, 4, [draw.lie(width)]],
    [257, 4, [draw.lie(height)]],
    [258, 3, new Array<number>(samples).fill(draw.lie(8, 65535, 0.03))],
    [259, 3, [compression]],
    [262, 3, [draw.lie(samples === 1 ? 1 : 2, 65535, 0.1)]],
    ...pixels,
    [277, 3, [draw.lie(samples, 65535, 0.03)]],
    [284, 3, [draw.lie(1, 65535, 0.05)]],
    [317, 3, [draw.pick([1, 1, 1, 2, 3])]],
    [320, 3, draw.several(0, 9, () => draw.odd(65535))],
    [530, 3, [draw.pick([1, 2, 4, 0]), draw.pick([1, 2, 4, 0])]],
    [draw.odd(65535), draw.below(14), [draw.odd(), 1]],
  ];
  return tiffOf(draw, packed, reordered(draw, tags));
}

function tiffOf(
  draw: Draw,
  pixels: Uint8Array,
  tags: readonly (readonly [number, number, readonly number[]])[],
): Uint8Array {
  const start = 8 + pixels.length;
  let extra = "";
  const after = start + 2 + tags.length * 12 + 4;
  let entries = "";
  for (const [tag, type, values] of tags) {
    const width = WIDTH_OF_TYPE[type] || 1;
    const data = values.map((value) => le(value % 2 ** (8 * Math.min(4, width)), width)).join("");
    const inline = data.length <= 4;
    entries += le(tag, 2) + le(type, 2) + le(draw.lie(values.length, 2 ** 32 - 1, 0.03));
    entries += inline ? data.padEnd(4, "\0") : le(draw.lie(after + extra.length, 2 ** 32 - 1, 0.03));
    if (!inline) extra += data;
  }
  const next = draw.pick([0, 0, 0, start, 8, 2 ** 32 - 1]);
  return bytes("II*\0", le(draw.lie(start, 2 ** 32 - 1, 0.02)), pixels, le(tags.length, 2), entries, le(next), extra);
}

/** PackBits of literal runs, some of them far longer when unpacked. */
function packBits(raw: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < raw.length; at += 128) {
    const run = raw.subarray(at, at + 128);
    parts.push(bytes(run.length - 1, run));
  }
  return bytes(...parts);
}

function changedTiff(draw: Draw): Uint8Array {
  const out = sound(draw, ".tif");
  const little = out[0] === 0x49;
  const view = new DataView(out.buffer);
  const start = view.getUint32(4, little);
  if (start + 2 > out.length) return out;
  const count = view.getUint16(start, little);
  for (let i = draw.between(0, 3); i > 0; i--) {
    const at = start + 2 + 12 * draw.below(count);
    if (at + 12 > out.length) continue;
    const field = draw.below(4);
    if (field === 0)
      view.setUint16(at, draw.pick([256, 257, 258, 259, 262, 273, 277, 278, 279, 322, 323, 324, 325, 347]), little);
    else if (field === 1) view.setUint16(at + 2, draw.below(14), little);
    else view.setUint32(at + (field === 2 ? 4 : 8), draw.odd(), little);
  }
  return draw.chance(0.3) ? scribbled(draw, out, 4) : out;
}
