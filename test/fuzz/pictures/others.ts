/** GIF, BMP, WebP, PNM and AVIF, block by block. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { REPOSITORY } from "../../support/reference.js";
import { bytes, le } from "../../weights/support.js";
import type { Draw } from "../draw.js";
import { be, reordered, scribbled, sound } from "./chunks.js";

export function gif(draw: Draw): Uint8Array {
  const [width, height] = [draw.pick([1, 8, 33]), draw.pick([1, 5, 20])];
  const bits = draw.pick([0, 1, 3, 7]);
  const table = (): Uint8Array => draw.bytes(3 * draw.lie(2 ** (bits + 1), 256, 0.05));
  const subBlocks = (data: Uint8Array): Uint8Array => {
    const parts: Uint8Array[] = [];
    for (let at = 0; at < data.length; at += 255) {
      const part = data.subarray(at, at + 255);
      parts.push(bytes(draw.lie(part.length, 255, 0.03), part));
    }
    return bytes(...parts, draw.lie(0, 255, 0.03));
  };
  const frame = (): Uint8Array => {
    const [left, top] = [draw.lie(0, 65535), draw.lie(0, 65535)];
    const size = le(left, 2) + le(top, 2) + le(draw.lie(width, 65535), 2) + le(draw.lie(height, 65535), 2);
    const flags = draw.pick([0, 0, 0x40, 0x80 | bits]);
    const codes = draw.bytes(draw.pick([0, 4, 40, 600]));
    return bytes(",", size, flags, flags & 0x80 ? table() : "", draw.lie(bits + 1, 255, 0.1), subBlocks(codes));
  };
  const blocks = [
    ...draw.several(0, 2, () =>
      bytes("!", draw.pick([0xf9, 0xff, 0xfe, 1]), subBlocks(draw.bytes(draw.pick([4, 11])))),
    ),
    ...draw.several(1, 3, frame),
    bytes(";"),
  ];
  const header = bytes(draw.pick(["GIF89a", "GIF87a"]), le(draw.lie(width, 65535), 2), le(draw.lie(height, 65535), 2));
  const whole = bytes(header, 0x80 | bits, draw.odd(255), 0, table(), ...reordered(draw, blocks));
  return draw.chance(0.3) ? changed(draw, sound(draw, ".gif"), 13) : whole;
}

/** A copy of which the head says something else, here and there. */
function changed(draw: Draw, data: Uint8Array, head: number): Uint8Array {
  const out = scribbled(draw, data, 2);
  const view = new DataView(out.buffer);
  for (let i = draw.between(0, 2); i > 0 && out.length > head + 4; i--)
    view.setUint16(draw.below(head), draw.odd(65535), true);
  return draw.chance(0.2) ? out.slice(0, draw.below(out.length)) : out;
}

export function bmp(draw: Draw): Uint8Array {
  if (draw.chance(0.3)) return changed(draw, sound(draw, ".bmp"), 54);
  const [width, height] = [draw.pick([1, 5, 32]), draw.pick([1, 4, 17])];
  const bits = draw.pick([1, 4, 8, 8, 16, 24, 24, 32]);
  const compression = draw.lie(
    bits === 8 ? draw.pick([0, 1]) : bits === 4 ? draw.pick([0, 2]) : bits > 8 ? draw.pick([0, 3]) : 0,
    10,
  );
  const colors = bits <= 8 ? draw.lie(2 ** bits, 70_000, 0.1) : 0;
  const row = Math.ceil((width * bits) / 32) * 4;
  const runs = compression === 1 || compression === 2;
  const pixels = runs ? draw.bytes(draw.pick([2, 40, 300])) : draw.bytes(row * height);
  const palette = draw.bytes(4 * Math.min(colors, 300));
  const masks = compression === 3 ? draw.bytes(12) : new Uint8Array(0);
  const offset = 54 + masks.length + palette.length;
  const signed = (value: number): string => le(draw.chance(0.1) ? 2 ** 32 - value : value);
  return bytes(
    `BM${le(draw.lie(offset + pixels.length))}${le(0)}${le(draw.lie(offset))}`,
    `${le(draw.lie(40, 2 ** 32 - 1, 0.03))}${signed(draw.lie(width))}${signed(draw.lie(height))}${le(draw.lie(1, 65535, 0.03), 2)}`,
    `${le(draw.lie(bits, 65535, 0.05), 2)}${le(compression)}${le(draw.lie(pixels.length))}${le(0, 8)}${le(colors)}${le(0)}`,
    masks,
    palette,
    pixels,
  );
}

export function webp(draw: Draw): Uint8Array {
  const source = sound(draw, ".webp");
  const parts: Uint8Array[] = [];
  const view = new DataView(source.buffer);
  for (let at = 12; at + 8 <= source.length; ) {
    const size = view.getUint32(at + 4, true);
    const data = source.slice(at + 8, at + 8 + size);
    const lying = draw.chance(0.4) ? scribbled(draw, data.subarray(0, draw.pick([10, data.length])), 3) : data;
    const body = bytes(lying, data.subarray(lying.length));
    parts.push(bytes(source.slice(at, at + 4), le(draw.lie(size)), body, body.length % 2 ? 0 : ""));
    at += 8 + size + (size % 2);
  }
  const size = (): string => le(draw.odd(2 ** 24), 3);
  const extended = (): Uint8Array => bytes("VP8X", le(10), draw.pick([0, 0x10, 2, 0x3e]), "\0\0\0", size(), size());
  if (draw.chance(0.2)) parts.unshift(extended());
  const chunks = reordered(draw, parts);
  const length = chunks.reduce((sum, part) => sum + part.length, 4);
  return bytes("RIFF", le(draw.lie(length)), "WEBP", ...chunks);
}

export function pnm(draw: Draw): Uint8Array {
  const kind = draw.between(1, 6);
  const number = (truth: number): string => String(draw.lie(truth, 2 ** 32 - 1, 0.06));
  const gap = (): string => draw.pick([" ", "\n", "\t", " # words\n", "  ", ""]).padEnd(draw.pick([1, 1, 1, 3000]));
  const most = kind === 1 || kind === 4 ? "" : `${number(draw.pick([255, 1, 65535]))}${gap()}`;
  const header = `P${kind}${gap()}${number(5)}${gap()}${number(4)}${gap()}${most}`;
  const text = draw.several(0, 70, () => String(draw.below(300))).join(draw.pick([" ", "\n", ""]));
  return bytes(header, kind <= 3 ? text : draw.bytes(draw.pick([0, 10, 60, 130])));
}

const AVIFS = ["small.avif", "mir.avif", "rot.avif"];

/** Boxes of a sound AVIF with sizes, types and properties changed. */
export function avif(draw: Draw): Uint8Array {
  const name = draw.pick(AVIFS);
  const source = new Uint8Array(readFileSync(join(REPOSITORY, "test", "fixtures", "image", name)));
  const out = scribbled(draw, source, 2);
  const types = ["ispe", "iloc", "meta", "ipco", "mdat", "pixi", "av1C", "irot", "imir", "iprp"];
  for (let i = draw.between(0, 2); i > 0; i--) {
    const type = draw.pick(types);
    const at = Buffer.from(out.buffer).indexOf(type, 0, "latin1");
    if (at < 4 || at + 16 > out.length) continue;
    const place = draw.pick([-4, 4, 8, 12]);
    out.set(bytes(be(draw.odd())), at + place);
  }
  return draw.chance(0.1) ? out.slice(0, draw.below(out.length)) : out;
}
