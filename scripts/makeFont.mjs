/**
 * Writes `src/image/draw/glyphs.generated.ts`: the outlines of the characters that labels use, taken from a TrueType
 * font and packed. Usage: `node scripts/makeFont.mjs FONT.ttf "Name and licence"`, e.g. DejaVu Sans of Debian's
 * `fonts-dejavu-core`. Source of the format: OpenType 1.9, tables cmap, glyf, head, hhea, hmtx, loca.
 *
 * Packed: unitsPerEm, ascent, descent, number of glyphs (uint16 each), then per glyph: code point (uint16), advance
 * (uint16), number of contours, and per contour the number of points, one bit a point (on the curve), and x, y as
 * differences. Counts are varints, differences zigzag varints. All deflated, in base64.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { deflateSync } from "fflate";

const [fontPath, credit] = process.argv.slice(2);
if (!fontPath || !credit) {
  console.error('usage: node scripts/makeFont.mjs FONT.ttf "Name, licence"');
  process.exit(2);
}

/** Basic Latin to Latin Extended-A, Greek, Cyrillic, and the signs that appear in class names. */
const RANGES = [
  [0x20, 0x7e],
  [0xa0, 0x17f],
  [0x192, 0x192],
  [0x218, 0x21b],
  [0x2c6, 0x2c7],
  [0x2d8, 0x2dd],
  [0x370, 0x3ff],
  [0x400, 0x45f],
  [0x490, 0x493],
  [0x1e9e, 0x1e9e],
  [0x2010, 0x2026],
  [0x2030, 0x203a],
  [0x20ac, 0x20ac],
  [0x2116, 0x2122],
  [0x2190, 0x2193],
  [0x2212, 0x2212],
  [0x2248, 0x2265],
  [0x2713, 0x2717],
  [0xfffd, 0xfffd],
];

const bytes = readFileSync(fontPath);
const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const u16 = (at) => view.getUint16(at);
const i16 = (at) => view.getInt16(at);
const u32 = (at) => view.getUint32(at);

const tables = new Map();
for (let i = 0; i < u16(4); i++) {
  const at = 12 + i * 16;
  tables.set(bytes.toString("latin1", at, at + 4), u32(at + 8));
}
const table = (name) => {
  const at = tables.get(name);
  if (at === undefined) throw new Error(`${fontPath}: no table "${name}"`);
  return at;
};

const unitsPerEm = u16(table("head") + 18);
const longLoca = i16(table("head") + 50) === 1;
const ascent = i16(table("hhea") + 4);
const descent = -i16(table("hhea") + 6);
const metrics = u16(table("hhea") + 34);
const glyphStart = (g) => table("glyf") + (longLoca ? u32(table("loca") + g * 4) : u16(table("loca") + g * 2) * 2);
const advanceOf = (g) => u16(table("hmtx") + Math.min(g, metrics - 1) * 4);

/** The subtable of format 4 (Basic Multilingual Plane). */
function characterMap() {
  const cmap = table("cmap");
  for (let i = 0; i < u16(cmap + 2); i++) {
    const at = cmap + u32(cmap + 8 + i * 8);
    if (u16(at) === 4) return at;
  }
  throw new Error(`${fontPath}: no character map of format 4`);
}

const map = characterMap();
function glyphOf(code) {
  const segments = u16(map + 6) / 2;
  for (let s = 0; s < segments; s++) {
    const end = u16(map + 14 + s * 2);
    const startAt = map + 16 + segments * 2 + s * 2;
    if (code > end || code < u16(startAt)) continue;
    const delta = u16(startAt + segments * 2);
    const rangeAt = startAt + segments * 4;
    const range = u16(rangeAt);
    if (range === 0) return (code + delta) & 0xffff;
    const glyph = u16(rangeAt + range + (code - u16(startAt)) * 2);
    return glyph === 0 ? 0 : (glyph + delta) & 0xffff;
  }
  return 0;
}

function simpleOutline(at, contours) {
  const ends = Array.from({ length: contours }, (_, i) => u16(at + 10 + i * 2));
  let p = at + 10 + contours * 2;
  p += 2 + u16(p);
  const count = ends[contours - 1] + 1;
  const flags = [];
  while (flags.length < count) {
    const flag = bytes[p++];
    flags.push(flag);
    if (flag & 8) for (let repeat = bytes[p++]; repeat > 0; repeat--) flags.push(flag);
  }
  const axis = (short, same) => {
    let value = 0;
    return flags.map((flag) => {
      if (flag & short) value += flag & same ? bytes[p++] : -bytes[p++];
      else if (!(flag & same)) {
        value += i16(p);
        p += 2;
      }
      return value;
    });
  };
  const xs = axis(2, 16);
  const ys = axis(4, 32);
  let from = 0;
  return ends.map((end) => {
    const contour = [];
    for (let i = from; i <= end; i++) contour.push({ x: xs[i], y: ys[i], on: (flags[i] & 1) === 1 });
    from = end + 1;
    return contour;
  });
}

/** Contours of a glyph; composites are put together here. */
function outlineOf(glyph) {
  const at = glyphStart(glyph);
  if (glyphStart(glyph + 1) === at) return [];
  const contours = i16(at);
  if (contours >= 0) return simpleOutline(at, contours);
  const all = [];
  let p = at + 10;
  let flags;
  do {
    flags = u16(p);
    const child = u16(p + 2);
    p += 4;
    const words = flags & 1;
    const dx = words ? i16(p) : view.getInt8(p);
    const dy = words ? i16(p + 2) : view.getInt8(p + 1);
    p += words ? 4 : 2;
    let [a, b, c, d] = [1, 0, 0, 1];
    const f2dot14 = () => {
      p += 2;
      return i16(p - 2) / 16384;
    };
    if (flags & 8) a = d = f2dot14();
    else if (flags & 0x40) [a, d] = [f2dot14(), f2dot14()];
    else if (flags & 0x80) [a, b, c, d] = [f2dot14(), f2dot14(), f2dot14(), f2dot14()];
    for (const contour of outlineOf(child)) {
      all.push(
        contour.map(({ x, y, on }) => ({
          x: Math.round(a * x + c * y) + dx,
          y: Math.round(b * x + d * y) + dy,
          on,
        })),
      );
    }
  } while (flags & 0x20);
  return all;
}

const packed = [];
const put16 = (value) => packed.push(value & 255, value >> 8);
const putCount = (value) => {
  let rest = value;
  for (; rest > 127; rest >>>= 7) packed.push((rest & 127) | 128);
  packed.push(rest);
};
const putDifference = (value) => putCount(value < 0 ? -value * 2 - 1 : value * 2);

const codes = RANGES.flatMap(([from, to]) => Array.from({ length: to - from + 1 }, (_, i) => from + i)).filter(
  (code) => glyphOf(code) !== 0,
);
put16(unitsPerEm);
put16(ascent);
put16(descent);
put16(codes.length);
for (const code of codes) {
  const glyph = glyphOf(code);
  const outline = outlineOf(glyph);
  put16(code);
  put16(advanceOf(glyph));
  putCount(outline.length);
  let x = 0;
  let y = 0;
  for (const contour of outline) {
    putCount(contour.length);
    for (let i = 0; i < contour.length; i += 8) {
      packed.push(contour.slice(i, i + 8).reduce((bits, point, bit) => bits | (point.on ? 1 << bit : 0), 0));
    }
    for (const point of contour) {
      putDifference(point.x - x);
      putDifference(point.y - y);
      x = point.x;
      y = point.y;
    }
  }
}

const base64 = Buffer.from(deflateSync(Uint8Array.from(packed), { level: 9, mem: 12 })).toString("base64");
const root = join(dirname(fileURLToPath(import.meta.url)), "..");
writeFileSync(
  join(root, "src", "image", "draw", "glyphs.generated.ts"),
  `/** Outlines of ${codes.length} characters of ${credit} (see THIRD_PARTY.md). */
/** Written by scripts/makeFont.mjs, which describes the packing; do not edit. */
export const GLYPHS_BASE64 =
  "${base64}";
`,
);
console.log(`${codes.length} glyphs, ${packed.length} bytes packed, ${base64.length} bytes of base64`);
