/** Drawing: what is painted where, in which colour, and that nothing leaves the picture. */

import { describe, expect, it } from "vitest";
import {
  type AnnotateOptions,
  type Annotation,
  Canvas,
  type Color,
  canDraw,
  defaultLineThickness,
  drawAnnotations,
  drawLines,
  loadFont,
  maskRectangles,
  outlineOf,
  paletteColor,
  type RgbImage,
  textWidth,
} from "../../src/image/index.js";
import { seededRandom } from "../../src/tensor/index.js";

const RED: Color = [255, 0, 0];
const sheet = (width: number, height: number, level = 100): RgbImage => ({
  width,
  height,
  data: new Uint8Array(width * height * 3).fill(level),
});
const pixel = ({ width, data }: RgbImage, x: number, y: number) => [
  ...data.subarray((y * width + x) * 3, (y * width + x) * 3 + 3),
];

/** Smallest rectangle around the pixels that differ from `level`. */
function bounds({ width, height, data }: RgbImage, level = 100): number[] | undefined {
  let found: number[] | undefined;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (data.subarray((y * width + x) * 3, (y * width + x) * 3 + 3).every((v) => v === level)) continue;
      found = found
        ? [Math.min(found[0], x), Math.min(found[1], y), Math.max(found[2], x), Math.max(found[3], y)]
        : [x, y, x, y];
    }
  }
  return found;
}

describe("palette", () => {
  it("begins with FF3838 and repeats after twenty", () => {
    expect(paletteColor(0)).toEqual([0xff, 0x38, 0x38]);
    expect(paletteColor(19)).toEqual([0xff, 0x37, 0xc7]);
    expect(paletteColor(23)).toEqual(paletteColor(3));
    expect(paletteColor(-1)).toEqual(paletteColor(19));
  });
});

describe("Canvas", () => {
  it("works on a copy", () => {
    const image = sheet(8, 8);
    const canvas = new Canvas(image);
    canvas.fillRectangle(0, 0, 8, 8, RED);
    expect(image.data.every((v) => v === 100)).toBe(true);
    expect(pixel(canvas.image, 3, 3)).toEqual([255, 0, 0]);
  });

  it("centres a rectangle's outline on its border", () => {
    const canvas = new Canvas(sheet(40, 30));
    canvas.fillRectangles(outlineOf(10, 8, 30, 20, 3), RED);
    expect(bounds(canvas.image)).toEqual([9, 7, 31, 21]);
    expect(pixel(canvas.image, 11, 9)).toEqual([255, 0, 0]);
    expect(pixel(canvas.image, 12, 10)).toEqual([100, 100, 100]);
  });

  it("fills polygons with exact coverage", () => {
    const canvas = new Canvas(sheet(10, 10, 0));
    canvas.polygon([2, 2, 6.5, 2, 6.5, 4.25, 2, 4.25], [200, 200, 200]);
    expect(pixel(canvas.image, 3, 3)[0]).toBe(200);
    expect(pixel(canvas.image, 6, 3)[0]).toBe(100);
    expect(pixel(canvas.image, 3, 4)[0]).toBe(50);
    expect(pixel(canvas.image, 6, 4)[0]).toBe(25);
    const sum = canvas.image.data.reduce((total, v) => total + v, 0) / 3;
    expect(sum / 200).toBeCloseTo(4.5 * 2.25, 1);
  });

  it("fills a circle with its area", () => {
    const canvas = new Canvas(sheet(64, 64, 0));
    const points = Array.from(
      { length: 400 },
      (_, i) => 32 + 25 * (i % 2 ? Math.sin : Math.cos)(((i >> 1) / 200) * 2 * Math.PI),
    );
    canvas.polygon(points, [255, 255, 255]);
    const area = canvas.image.data.reduce((total, v) => total + v, 0) / 765;
    expect(Math.abs(area - Math.PI * 625)).toBeLessThan(3);
  });

  it("draws lines of the requested width whose joints do not cancel", () => {
    const canvas = new Canvas(sheet(60, 40, 0));
    canvas.polyline([10, 10, 50, 10, 50, 30], [255, 255, 255], 4);
    for (const x of [12, 30, 49, 50]) expect(pixel(canvas.image, x, 10)[0]).toBe(255);
    expect(pixel(canvas.image, 30, 7)[0]).toBe(0);
    expect(pixel(canvas.image, 50, 20)[0]).toBe(255);
    expect(pixel(canvas.image, 46, 20)[0]).toBe(0);
  });

  it("tints masks by half", () => {
    const canvas = new Canvas(sheet(6, 6));
    const mask = { x0: 4, y0: 4, x1: 8, y1: 8, data: new Uint8Array(16).fill(1) };
    canvas.fillRectangles(maskRectangles(mask), [200, 0, 0], 0.5);
    expect(pixel(canvas.image, 4, 4)).toEqual([150, 50, 50]);
    expect(pixel(canvas.image, 3, 4)).toEqual([100, 100, 100]);
  });

  it("stays inside the picture, whatever is drawn", () => {
    const next = seededRandom(11);
    const number = () => (next() - 0.3) * 200;
    for (let i = 0; i < 60; i++) {
      const canvas = new Canvas(sheet(37, 23));
      canvas.polyline(Array.from({ length: 8 }, number), RED, number() / 10);
      canvas.polygon([...Array.from({ length: 10 }, number), Number.POSITIVE_INFINITY, Number.NaN], RED);
      const xyxy = [number(), number(), number(), number()] as const;
      const sizes = { fontSize: 5 + Math.abs(number()), lineThickness: Math.abs(number()) / 10 };
      drawAnnotations(canvas, [{ xyxy, color: RED, label: "inside" }], sizes);
      canvas.text("anywhere", number(), number(), Math.abs(number()) / 4, RED);
      expect(canvas.image.data.length).toBe(37 * 23 * 3);
    }
  });
});

describe("text", () => {
  const font = loadFont();

  it("has Latin, Greek and Cyrillic letters, and a visible box for others", () => {
    for (const letter of "Az09ßéŁžΨωЖя–€°") expect(font.glyphs.has(letter.codePointAt(0) ?? 0), letter).toBe(true);
    const canvas = new Canvas(sheet(60, 40, 0));
    canvas.text("猫", 5, 30, 24, [255, 255, 255]);
    expect(bounds(canvas.image, 0)).toBeDefined();
  });

  it("measures as it draws", () => {
    const width = textWidth(font, "person 0.87", 24);
    const canvas = new Canvas(sheet(250, 60, 0));
    canvas.text("person 0.87", 20, 40, 24, [255, 255, 255]);
    const [left, top, right, bottom] = bounds(canvas.image, 0) ?? [];
    expect(left).toBeGreaterThanOrEqual(20);
    expect(right).toBeLessThanOrEqual(20 + width);
    expect(right - left).toBeGreaterThan(width * 0.9);
    expect(bottom).toBeGreaterThan(40); // the p's descender
    expect(top).toBeLessThan(25);
  });

  it("has holes in letters and full strokes", () => {
    const canvas = new Canvas(sheet(100, 110, 0));
    canvas.text("O", 5, 95, 100, [255, 255, 255]);
    const [left, top, right, bottom] = bounds(canvas.image, 0) ?? [];
    const middle = Math.round((top + bottom) / 2);
    expect(pixel(canvas.image, Math.round((left + right) / 2), middle)[0]).toBe(0);
    expect(pixel(canvas.image, left + 4, middle)[0]).toBe(255);
  });

  it("gives joiners no width and line breaks one space, and composes accents", () => {
    expect(textWidth(font, "a\u200db", 20)).toBe(textWidth(font, "ab", 20));
    expect(textWidth(font, "a\u2067\u202eb\u2069\u061c", 20)).toBe(textWidth(font, "ab", 20));
    expect(canDraw(font, "a\u2067b")).toBe(true);
    expect(textWidth(font, "a\nb", 20)).toBe(textWidth(font, "a b", 20));
    expect(textWidth(font, "e\u0301", 20)).toBe(textWidth(font, "é", 20));
  });
});

const annotate = (image: RgbImage, annotations: readonly Annotation[], options?: AnnotateOptions): RgbImage => {
  const canvas = new Canvas(image);
  drawAnnotations(canvas, annotations, options);
  return canvas.image;
};

describe("annotations", () => {
  const item = (xyxy: [number, number, number, number], label = "person 0.87") => ({ xyxy, label, color: RED });

  it("puts the label above the box, or inside if there is no room above", () => {
    const above = annotate(sheet(300, 200), [item([50, 100, 250, 180])]);
    expect(bounds(above)?.[1]).toBeLessThan(90);
    const inside = annotate(sheet(300, 200), [item([50, 4, 250, 180])], { lineThickness: 2 });
    expect(bounds(inside)?.[1]).toBe(3);
    expect(pixel(inside, 52, 8)).toEqual([255, 0, 0]);
  });

  it("moves the label left if it would leave the picture, and makes it smaller if it does not fit", () => {
    const left = annotate(sheet(300, 200), [item([280, 100, 299, 180])]);
    expect(bounds(left)?.[0]).toBeLessThan(240);
    const narrow = annotate(sheet(60, 60), [item([10, 30, 50, 50], "a rather long class name 0.50")]);
    expect(bounds(narrow)?.[0]).toBe(0);
  });

  it("draws the first item on top, hides labels on request, tints masks", () => {
    const blue: Color = [0, 0, 255];
    const items = [item([50, 50, 90, 90]), { ...item([50, 50, 90, 90]), color: blue }];
    const drawn = annotate(sheet(120, 120), items, { hideLabels: true });
    expect(pixel(drawn, 50, 70)).toEqual([255, 0, 0]);
    expect(bounds(drawn)).toEqual([49, 49, 90, 90]);
    const mask = { x0: 60, y0: 60, x1: 62, y1: 62, data: Uint8Array.of(1, 0, 0, 1) };
    const masked = [{ ...items[0], mask: maskRectangles(mask) }];
    const tinted = annotate(sheet(120, 120), masked, { hideLabels: true });
    expect(pixel(tinted, 60, 60)).toEqual([178, 50, 50]);
    expect(pixel(tinted, 61, 60)).toEqual([100, 100, 100]);
  });

  it("thickens lines and text with the picture", () => {
    expect(defaultLineThickness({ width: 810, height: 1080 })).toBe(3);
    expect(defaultLineThickness({ width: 320, height: 240 })).toBe(2);
    expect(defaultLineThickness({ width: 4000, height: 3000 })).toBe(11);
  });

  it("writes a classification's lines on a dark panel in the corner", () => {
    const canvas = new Canvas(sheet(400, 300, 250));
    drawLines(canvas, ["0.87 tabby", "0.10 tiger cat"]);
    const [left, top, right, bottom] = bounds(canvas.image, 250) ?? [];
    expect(left).toBe(top);
    expect(right).toBeLessThan(250);
    expect(bottom).toBeLessThan(100);
    const empty = new Canvas(sheet(4, 4));
    drawLines(empty, []);
    expect(empty.image).toEqual(sheet(4, 4));
  });
});
