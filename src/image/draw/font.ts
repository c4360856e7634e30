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

/** Points of a contour, then of its outline, x, y, x, y, …: memory that the next contour overwrites. */
let contourPoints = new Float64Array(512);
let outline = new Float64Array(512);

/** Adds a glyph's outline to `coverage` with its origin at (x, y) in the picture; curves become line segments. */
function addContour(coverage: Coverage, contour: Int16Array, x: number, y: number, scale: number): void {
  const n = contour.length / 3;
  if (n < 2) return;
  if (contourPoints.length < 2 * n) contourPoints = new Float64Array(2 * n);
  const points = contourPoints;
  for (let i = 0; i < n; i++) {
    points[2 * i] = x + contour[3 * i] * scale;
    points[2 * i + 1] = y - contour[3 * i + 1] * scale;
  }
  const on = (i: number) => contour[(i % n) * 3 + 2] === 1;
  // Start on the curve: at an on-curve point, or halfway between two control points.
  let start = 0;
  while (start < n && !on(start)) start++;
  const implied = start === n;
  if (implied) start = 0;
  outline[0] = implied ? (points[2 * n - 2] + points[0]) / 2 : points[2 * start];
  outline[1] = implied ? (points[2 * n - 1] + points[1]) / 2 : points[2 * start + 1];
  let end = 2;
  for (let k = implied ? 0 : 1; k <= (implied ? n - 1 : n); k++) {
    const i = (start + k) % n;
    if (on(i)) {
      reserve(end + 2);
      outline[end++] = points[2 * i];
      outline[end++] = points[2 * i + 1];
      continue;
    }
    const next = (i + 1) % n;
    const nextOn = on(next);
    end = addCurve(points, 2 * i, 2 * next, nextOn, end);
    if (nextOn) k++;
  }
  coverage.outline(outline.subarray(0, end));
}

/** Makes room for the outline's points up to `length`. */
function reserve(length: number): void {
  if (length <= outline.length) return;
  const larger = new Float64Array(2 * length);
  larger.set(outline);
  outline = larger;
}

/**
 * From the last point of the outline, past a control point, to the next point, or halfway to it if that is another control point.
 * @returns the end of the outline
 */
function addCurve(points: Float64Array, control: number, next: number, nextOn: boolean, at: number): number {
  const x0 = outline[at - 2];
  const y0 = outline[at - 1];
  const controlX = points[control];
  const controlY = points[control + 1];
  const x1 = nextOn ? points[next] : (controlX + points[next]) / 2;
  const y1 = nextOn ? points[next + 1] : (controlY + points[next + 1]) / 2;
  // A quadratic deviates from its chord by a quarter of this; 1/16 pixel is invisible.
  const bendX = x0 - 2 * controlX + x1;
  const bendY = y0 - 2 * controlY + y1;
  const bend = Math.sqrt(bendX * bendX + bendY * bendY);
  const steps = Math.max(1, Math.ceil(Math.sqrt(bend * 4)));
  reserve(at + 2 * steps);
  let end = at;
  for (let i = 1; i <= steps; i++) {
    const t = i / steps;
    const u = 1 - t;
    outline[end++] = u * u * x0 + 2 * u * t * controlX + t * t * x1;
    outline[end++] = u * u * y0 + 2 * u * t * controlY + t * t * y1;
  }
  return end;
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
