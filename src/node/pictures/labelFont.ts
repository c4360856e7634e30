/**
 * The font for labels: a built-in font, and for class names in other scripts the system's fonts, shaped by HarfBuzz
 * (an optional package, loaded only when needed). Font files are untrusted, so HarfBuzz reads them inside
 * WebAssembly.
 */

import { readFile, stat } from "node:fs/promises";
import { OptionError } from "../../errors.js";
import { drawableName, type Font, foreignCharacters, type Glyph, loadFont } from "../../image/draw/index.js";
import { importOptional } from "../../optionalPackage.js";
import { systemFonts } from "./systemFonts.js";

/** Options of `openLabelFont`. */
export interface LabelFontOptions {
  /** A font file to try first. */
  readonly file?: string | undefined;
  /** Called if no font has the letters of a name. */
  readonly onWarning?: ((text: string) => void) | undefined;
  /** Font files to search. Default: those of the system. */
  readonly candidates?: (() => Promise<readonly string[]>) | undefined;
}

type HarfBuzz = typeof import("harfbuzzjs");
type ShapingFont = import("harfbuzzjs").Font;

/** The largest fonts, with all of CJK in ten weights, have about 120 MB. */
const MAX_FONT_BYTES = 2 ** 27;
/** Limits on files and bytes read while searching for missing letters. */
const MAX_CANDIDATES = 200;
const MAX_TOTAL_BYTES = 2 ** 29;

/**
 * A font that can draw `names`, as far as fonts with their letters can be found.
 * @throws OptionError if `file` cannot be read or is not a font.
 */
export async function openLabelFont(names: readonly string[], options: LabelFontOptions = {}): Promise<Font> {
  const { file, onWarning = () => undefined } = options;
  const builtIn = loadFont();
  const wanted = new Set(names.flatMap((name) => foreignCharacters(builtIn, name)));
  const given = file === undefined ? undefined : await readGiven(file);
  if (wanted.size === 0) return builtIn;
  const harfBuzz = await importOptional<HarfBuzz>("harfbuzzjs").catch(() => undefined);
  const fonts: ShapingFont[] = [];
  if (harfBuzz) {
    const missing = new Set(wanted);
    const first = given && take(harfBuzz, given, missing, true);
    if (file !== undefined && !first) throw new OptionError(`${file}: is not a TrueType or OpenType font`, { file });
    if (first) fonts.push(first);
    let left = MAX_TOTAL_BYTES;
    const candidates = await (options.candidates ?? systemFonts)();
    for (const path of candidates.slice(0, MAX_CANDIDATES)) {
      if (missing.size === 0 || left <= 0) break;
      const bytes = await readFont(path);
      left -= bytes?.length ?? 0;
      const font = bytes && take(harfBuzz, bytes, missing, false);
      if (font) fonts.push(font);
    }
  }
  const shaper = harfBuzz && {
    shape: (text: string, rightToLeft: boolean) => shapeWith(harfBuzz, fonts, text, rightToLeft, builtIn.unitsPerEm),
  };
  const font = { ...builtIn, shaper };
  const numbered = names.flatMap((name, i) => (drawableName(font, name, i) === name ? [] : [i]));
  if (numbered.length > 0) {
    const list = `${numbered.slice(0, 10).join(", ")}${numbered.length > 10 ? ", …" : ""}`;
    const why = harfBuzz ? "no font on this system has" : "the optional package harfbuzzjs is needed to draw";
    onWarning(
      `labels: ${why} the letters in the names of class ${list}; drawing class numbers instead; give a font with --font FILE`,
    );
  }
  return font;
}

async function readGiven(file: string): Promise<Uint8Array> {
  const bytes = await readFont(file);
  if (!bytes) throw new OptionError(`${file}: no font can be read from it; give a .ttf, .otf or .ttc file`, { file });
  return bytes;
}

/** Undefined for anything but a regular file of a reasonable size. */
async function readFont(path: string): Promise<Uint8Array | undefined> {
  try {
    const facts = await stat(path);
    return facts.isFile() && facts.size <= MAX_FONT_BYTES ? await readFile(path) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The first font in a file that has some of the `missing` letters, which it removes from the set; with `always`, even
 * one that has none.
 */
function take(hb: HarfBuzz, bytes: Uint8Array, missing: Set<string>, always: boolean): ShapingFont | undefined {
  try {
    const face = new hb.Face(new hb.Blob(bytes), 0);
    const font = new hb.Font(face);
    // Empty outlines are placeholders in bitmap fonts.
    const found = [...missing].filter((character) => {
      const glyph = font.nominalGlyph(character.codePointAt(0) ?? 0);
      return glyph !== undefined && font.glyphToJson(glyph).length > 0;
    });
    for (const character of found) missing.delete(character);
    return found.length > 0 || (always && face.collectUnicodes().length > 0) ? font : undefined;
  } catch {
    return undefined;
  }
}

/** Outlines with more commands are not letters. */
const MAX_COMMANDS = 20_000;

function shapeWith(
  hb: HarfBuzz,
  fonts: readonly ShapingFont[],
  text: string,
  rightToLeft: boolean,
  unitsPerEm: number,
): readonly Glyph[] | undefined {
  for (const font of fonts) {
    try {
      const glyphs = shapeBy(hb, font, text, rightToLeft, unitsPerEm);
      if (glyphs) return glyphs;
    } catch {
      // A damaged font; try the next one.
    }
  }
  return undefined;
}

function shapeBy(
  hb: HarfBuzz,
  font: ShapingFont,
  text: string,
  rightToLeft: boolean,
  unitsPerEm: number,
): Glyph[] | undefined {
  const buffer = new hb.Buffer();
  buffer.addText(text);
  buffer.guessSegmentProperties();
  buffer.setDirection(rightToLeft ? hb.Direction.RTL : hb.Direction.LTR);
  hb.shape(font, buffer);
  const upem = font.face.upem;
  const scale = unitsPerEm / upem;
  const glyphs: Glyph[] = [];
  for (const { codepoint, xAdvance = 0, xOffset = 0, yOffset = 0 } of buffer.getGlyphInfosAndPositions()) {
    if (codepoint === 0) return undefined;
    const commands = font.glyphToJson(codepoint);
    if (commands.length > MAX_COMMANDS) return undefined;
    const bound = (value: number): number => Math.max(-32768, Math.min(Math.round(value * scale), 32767));
    const contours = outlines(commands).map((contour) =>
      Int16Array.from(contour, (value, i) => (i % 3 === 2 ? 1 : bound(value + (i % 3 === 0 ? xOffset : yOffset)))),
    );
    glyphs.push({ advance: bound(Math.max(0, Math.min(xAdvance, upem * 4))), contours });
  }
  return glyphs;
}

/** Line segments per curve; letters in labels are a few dozen pixels high. */
const CHORDS = 8;

/** Converts path commands to closed outlines of (x, y, 1). */
function outlines(commands: readonly { readonly type: string; readonly values: readonly number[] }[]): number[][] {
  const all: number[][] = [];
  let [x, y] = [0, 0];
  for (const { type, values } of commands) {
    if (type === "M") all.push([]);
    const current = all.at(-1);
    if (!current || type === "Z") continue;
    const points = [x, y, ...values];
    const steps = values.length > 2 ? CHORDS : 1;
    for (let step = 1; step <= steps; step++) {
      const t = step / steps;
      current.push(bezier(points, 0, t), bezier(points, 1, t), 1);
    }
    [x, y] = values.slice(-2);
    if (type === "M") current.splice(0, current.length, x, y, 1);
  }
  return all;
}

/** One coordinate of a curve of any degree at `t` (de Casteljau). */
function bezier(points: readonly number[], axis: 0 | 1, t: number): number {
  let values = points.filter((_, i) => i % 2 === axis);
  while (values.length > 1) values = values.slice(1).map((value, i) => values[i] * (1 - t) + value * t);
  return values[0];
}
