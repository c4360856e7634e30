/**
 * The font for labels: outlines unpacked from `glyphs.generated.ts`, laid out in a line and filled with antialiasing.
 */

import { inflateSync } from "fflate";
import { Coverage } from "./coverage.js";
import { GLYPHS_BASE64 } from "./glyphs.generated.js";
import { textRuns } from "./textRuns.js";
import { visibleText } from "./visibleText.js";

/** The outline of one letter. */
export interface Glyph {
  /** Advance width, in font units. */
  readonly advance: number;
  /** Closed outlines of x, y (upwards), on-curve flag; off-curve points are quadratic control points. */
  readonly contours: readonly Int16Array[];
}

/** Shapes scripts that the built-in font lacks, with external fonts. */
export interface TextShaper {
  /**
   * The glyphs of a run of one direction, from left to right, in units of the built-in font.
   * @returns undefined if no font has all of its letters.
   */
  shape(text: string, rightToLeft: boolean): readonly Glyph[] | undefined;
}

/** The font for labels on pictures. */
export interface Font {
  readonly unitsPerEm: number;
  /** Extent above and below the baseline, in font units. */
  readonly ascent: number;
  readonly descent: number;
  readonly glyphs: ReadonlyMap<number, Glyph>;
  /** A hollow box, for characters that the font lacks. */
  readonly missing: Glyph;
  /** Shapes all other characters. */
  readonly shaper?: TextShaper | undefined;
}

function box(left: number, bottom: number, right: number, top: number): Int16Array {
  return Int16Array.of(left, bottom, 1, left, top, 1, right, top, 1, right, bottom, 1);
}

function missingGlyph(unitsPerEm: number): Glyph {
  const u = unitsPerEm / 100;
  const outer = box(8 * u, 0, 52 * u, 72 * u);
  // The inner outline has the opposite direction, which makes the hole.
  const inner = Int16Array.of(15 * u, 7 * u, 1, 45 * u, 7 * u, 1, 45 * u, 65 * u, 1, 15 * u, 65 * u, 1);
  return { advance: 60 * u, contours: [outer, inner] };
}

let builtIn: Font | undefined;

/** The built-in font, unpacked at its first use. */
export function loadFont(): Font {
  builtIn ??= unpackFont();
  return builtIn;
}

function unpackFont(): Font {
  const bytes = inflateSync(Uint8Array.from(atob(GLYPHS_BASE64), (c) => c.charCodeAt(0)));
  let at = 0;
  const u16 = () => {
    at += 2;
    return bytes[at - 2] | (bytes[at - 1] << 8);
  };
  const count = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++];
      value |= (byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  const difference = () => {
    const value = count();
    return value & 1 ? -((value + 1) >> 1) : value >> 1;
  };
  const unitsPerEm = u16();
  const ascent = u16();
  const descent = u16();
  const glyphs = new Map<number, Glyph>();
  for (let left = u16(); left > 0; left--) {
    const code = u16();
    const advance = u16();
    const contours: Int16Array[] = [];
    let x = 0;
    let y = 0;
    for (let c = count(); c > 0; c--) {
      const points = count();
      const flags = at;
      at += (points + 7) >> 3;
      const contour = new Int16Array(points * 3);
      for (let i = 0; i < points; i++) {
        x += difference();
        y += difference();
        contour.set([x, y, (bytes[flags + (i >> 3)] >> (i & 7)) & 1], i * 3);
      }
      contours.push(contour);
    }
    glyphs.set(code, { advance, contours });
  }
  return { unitsPerEm, ascent, descent, glyphs, missing: missingGlyph(unitsPerEm) };
}

function hasLetter(font: Font, character: string): boolean {
  return font.glyphs.has(character.codePointAt(0) ?? 0);
}

/** Glyphs from left to right; undefined for each run whose letters no font has. */
function runsToGlyphs(font: Font, text: string): (readonly Glyph[] | undefined)[] {
  return textRuns(visibleText(text), (character) => hasLetter(font, character)).map((run) =>
    run.foreign
      ? font.shaper?.shape(run.text, run.rightToLeft)
      : Array.from(run.text, (character) => font.glyphs.get(character.codePointAt(0) ?? 0) ?? font.missing),
  );
}

/** Characters of a text that the built-in font lacks. */
export function foreignCharacters(font: Font, text: string): string[] {
  return Array.from(visibleText(text)).filter((character) => !hasLetter(font, character));
}

/** Whether a text can be drawn without any placeholder box. */
export function canDraw(font: Font, text: string): boolean {
  return runsToGlyphs(font, text).every((glyphs) => glyphs !== undefined);
}

/** A class's name if it can be drawn, else its number. */
export function drawableName(font: Font, name: string, index: number): string {
  return canDraw(font, name) ? name : String(index);
}

function glyphsOf(font: Font, text: string): readonly Glyph[] {
  const plain = visibleText(text);
  if (Array.from(plain).every((character) => hasLetter(font, character))) {
    return Array.from(plain, (character) => font.glyphs.get(character.codePointAt(0) ?? 0) ?? font.missing);
  }
  return runsToGlyphs(font, text).flatMap((glyphs) => glyphs ?? [font.missing]);
}

/** Width of a line of text in pixels, at `size` pixels per em. */
export function textWidth(font: Font, text: string, size: number): number {
  let units = 0;
  for (const glyph of glyphsOf(font, text)) units += glyph.advance;
  return (units * size) / font.unitsPerEm;
}

/** Adds a glyph's outline to `coverage` with its origin at (x, y) in the picture; curves become line segments. */
function addContour(coverage: Coverage, contour: Int16Array, x: number, y: number, scale: number): void {
  const n = contour.length / 3;
  if (n < 2) return;
  const px = (i: number) => x + contour[(i % n) * 3] * scale;
  const py = (i: number) => y - contour[(i % n) * 3 + 1] * scale;
  const on = (i: number) => contour[(i % n) * 3 + 2] === 1;
  // Start on the curve: at an on-curve point, or halfway between two control points.
  let start = 0;
  while (start < n && !on(start)) start++;
  const implied = start === n;
  if (implied) start = 0;
  let fromX = implied ? (px(n - 1) + px(0)) / 2 : px(start);
  let fromY = implied ? (py(n - 1) + py(0)) / 2 : py(start);
  for (let k = implied ? 0 : 1; k <= (implied ? n - 1 : n); k++) {
    const i = start + k;
    if (on(i)) {
      coverage.line(fromX, fromY, px(i), py(i));
      fromX = px(i);
      fromY = py(i);
      continue;
    }
    const nextOn = on(i + 1);
    const toX = nextOn ? px(i + 1) : (px(i) + px(i + 1)) / 2;
    const toY = nextOn ? py(i + 1) : (py(i) + py(i + 1)) / 2;
    addCurve(coverage, fromX, fromY, px(i), py(i), toX, toY);
    fromX = toX;
    fromY = toY;
    if (nextOn) k++;
  }
}

function addCurve(
  coverage: Coverage,
  x0: number,
  y0: number,
  controlX: number,
  controlY: number,
  x1: number,
  y1: number,
): void {
  // A quadratic deviates from its chord by a quarter of this; 1/16 pixel is invisible.
  const bend = Math.hypot(x0 - 2 * controlX + x1, y0 - 2 * controlY + y1);
  const steps = Math.max(1, Math.ceil(Math.sqrt(bend * 4)));
  let px = x0;
  let py = y0;
  for (let i = 1; i <= steps; i++) {
    const t = i / steps;
    const u = 1 - t;
    const x = u * u * x0 + 2 * u * t * controlX + t * t * x1;
    const y = u * u * y0 + 2 * u * t * controlY + t * t * y1;
    coverage.line(px, py, x, y);
    px = x;
    py = y;
  }
}

/**
 * A line of text as coverage, with the baseline starting at (x, y) in the picture.
 * @param size pixels per em; the height of capitals is about 0.73 of it.
 */
export function renderText(font: Font, text: string, x: number, y: number, size: number): Coverage {
  const scale = size / font.unitsPerEm;
  // Letters may extend slightly beyond their advance and the font's ascent (accents on capitals).
  const margin = Math.ceil(size / 2) + 1;
  const left = Math.floor(x) - margin;
  const top = Math.floor(y - font.ascent * scale) - margin;
  const width = Math.ceil(textWidth(font, text, size)) + 2 * margin + 1;
  const height = Math.ceil((font.ascent + font.descent) * scale) + 2 * margin + 1;
  const coverage = new Coverage(left, top, width, height);
  let pen = x;
  for (const glyph of glyphsOf(font, text)) {
    for (const contour of glyph.contours) addContour(coverage, contour, pen, y, scale);
    pen += glyph.advance * scale;
  }
  return coverage;
}
