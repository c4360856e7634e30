/** Themes: what of a drawing can be told from what lies under it, as contrast (WCAG 2). */

import { describe, expect, it } from "vitest";
import { themeOf } from "../../src/image/draw/theme.js";
import { Canvas, type Color, drawAnnotations, luminance, paletteColor, THEME_NAMES } from "../../src/image/index.js";

const contrast = (a: Color, b: Color): number => {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
};
const COLORS = 10;
const paletteOf = (theme: (typeof THEME_NAMES)[number]): Color[] =>
  Array.from({ length: COLORS }, (_, i) => paletteColor(i, theme));
const [WHITE, BLACK]: Color[] = [
  [255, 255, 255],
  [0, 0, 0],
];
const SIZE = 200;
/** One box with a label, and a line, on grey. */
function drawn(theme: (typeof THEME_NAMES)[number], level: number) {
  const image = { width: SIZE, height: SIZE, data: new Uint8Array(SIZE * SIZE * 3).fill(level) };
  const canvas = new Canvas(image, undefined, true);
  const box = { xyxy: [30, 60, 170, 170] as const, color: paletteColor(3, theme), label: "person 0.87" };
  drawAnnotations(canvas, [box], { theme, figures: [{ points: [0, 190, 199, 190], closed: false }] });
  return (x: number, y: number): Color => {
    const [red, green, blue] = image.data.subarray((y * SIZE + x) * 3, (y * SIZE + x) * 3 + 3);
    return [red, green, blue];
  };
}

describe("themes", () => {
  it("have ten colours or more, all different", () => {
    expect(THEME_NAMES).toEqual(["classic", "light", "dark", "high-contrast"]);
    for (const theme of THEME_NAMES) expect(new Set(paletteOf(theme).map(String)).size, theme).toBe(COLORS);
    expect(paletteColor(COLORS, "dark")).toEqual(paletteColor(0, "dark"));
    expect(paletteColor(-1, "dark")).toEqual(paletteColor(COLORS - 1, "dark"));
    expect(() => paletteColor(0, "toString" as "dark")).toThrow(
      'theme must be classic, light, dark, high-contrast, got "toString"',
    );
  });

  it.each([
    ["light", WHITE],
    ["dark", BLACK],
  ] as const)("%s is seen on its ground", (theme, ground) => {
    for (const color of paletteOf(theme)) {
      expect(contrast(color, ground), String(color)).toBeGreaterThan(4.5);
    }
  });

  it("labels are readable: 7 to 1", () => {
    for (const theme of THEME_NAMES) {
      const { label } = themeOf(theme);
      if (label) expect(contrast(label.paper, label.ink), theme).toBeGreaterThan(7);
    }
  });

  it("high contrast is seen on every ground: a line or its edge has at least 3 to 1", () => {
    const { edge } = themeOf("high-contrast");
    if (!edge) throw new Error("no edge");
    for (const color of paletteOf("high-contrast")) {
      for (let level = 0; level < 256; level++) {
        const ground: Color = [level, level, level];
        expect(Math.max(contrast(color, ground), contrast(edge, ground))).toBeGreaterThan(3);
      }
    }
  });

  it("classic draws as without a theme, the others with strips, paper and edges", () => {
    const [fill, paper] = [drawn("classic", 128), drawn("light", 128)];
    // The label lies on the box's upper left corner; its strip is at its left end.
    expect(fill(30, 46)).toEqual(paletteColor(3));
    expect(paper(30, 46)).toEqual(paletteColor(3, "light"));
    expect(paper(34, 45)).toEqual(WHITE);
    const contrasting = drawn("high-contrast", 128);
    const row = Array.from({ length: 9 }, (_, i) => String(contrasting(26 + i, 120)));
    const [line, edge, ground] = [paletteColor(3, "high-contrast"), BLACK, [128, 128, 128]].map(String);
    expect(row).toEqual([ground, edge, edge, line, line, line, edge, edge, ground]);
  });

  it("colours that the caller chose stay", () => {
    const image = { width: 60, height: 60, data: new Uint8Array(60 * 60 * 3) };
    const canvas = new Canvas(image, undefined, true);
    drawAnnotations(canvas, [{ xyxy: [10, 10, 50, 50], color: [1, 2, 3] }], { theme: "dark" });
    expect([...image.data.subarray((30 * 60 + 10) * 3, (30 * 60 + 10) * 3 + 3)]).toEqual([1, 2, 3]);
  });
});
