/** What the makers of pictures share: sound pictures, checksums, pieces in another order, scribbled bytes. */

import { type DecodeFixtures, readFixture } from "../../image/support.js";
import { le } from "../../weights/support.js";
import type { Draw } from "../draw.js";

const files = {
  ...readFixture<DecodeFixtures>("decode.json").files,
  ...readFixture<DecodeFixtures>("tiff.json").files,
};

/** A sound picture of an ending. */
export function sound(draw: Draw, ending: string): Uint8Array {
  const names = Object.keys(files).filter((name) => name.endsWith(ending));
  return new Uint8Array(Buffer.from(files[draw.pick(names)].base64, "base64"));
}

const CRC = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c >>> 0;
});

export function crc32(data: Uint8Array): number {
  let c = 0xffffffff;
  for (const byte of data) c = CRC[(c ^ byte) & 255] ^ (c >>> 8);
  return (c ^ 0xffffffff) >>> 0;
}

export const be = (value: number, width = 4): string => [...le(value, width)].reverse().join("");

/** Takes pieces away, repeats them, or puts them in another order. */
export function reordered<T>(draw: Draw, pieces: readonly T[]): T[] {
  const out = [...pieces];
  if (draw.chance(0.7)) return out;
  const at = draw.below(out.length);
  const piece = out[at];
  const change = draw.below(3);
  if (change === 0) out.splice(at, 1);
  else if (change === 1) out.splice(at, 0, ...new Array<T>(draw.pick([1, 2, 50])).fill(piece));
  else out.splice(draw.below(out.length), 0, ...out.splice(at, 1));
  return out;
}

/** A copy with some bytes set to odd values. */
export function scribbled(draw: Draw, data: Uint8Array, most = 3): Uint8Array {
  const out = data.slice();
  if (out.length === 0) return out;
  for (let i = draw.between(0, most); i > 0; i--)
    out[draw.below(out.length)] = draw.pick([0, 1, 2, 127, 128, 255, draw.below(256)]);
  return out;
}
