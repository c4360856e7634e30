/** `annotate` in Node: pictures in memory, drawing options, and what it refuses. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ImageError, OptionError } from "../../../src/errors.js";
import {
  type AnnotateStyle,
  annotate,
  DetectionResult,
  load,
  type Model,
  openLabelFont,
  type PictureSource,
  type RawPicture,
  type Result,
  Trails,
} from "../../../src/node.js";
import { fixture } from "../../cli/support.js";
import { REPOSITORY } from "../../support/reference.js";
import { rejection } from "../server.js";

const fontFile = (name: string): string => join(REPOSITORY, "test", "fixtures", "fonts", `${name}.ttf`);

let folder: string;
let model: Model<PictureSource>;
let result: Result;
const WEIGHTS = fixture("v6.pt");
const PICTURE = fixture("picture.png");
/** Random weights: scores are low. */
const OPTIONS = { imgsz: 64, conf: 0.02, maxDet: 20 };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "yolov5-annotate-"));
  model = await load(WEIGHTS, { backend: "wasm" });
  result = await model.detect(PICTURE, OPTIONS);
  expect(result.detections.length).toBeGreaterThan(2);
});

afterAll(async () => {
  model?.dispose();
  await rm(folder, { recursive: true, force: true });
});

describe("annotate", () => {
  const sheet = (width: number, height: number, channels = 3): RawPicture => ({
    width,
    height,
    data: new Uint8Array(width * height * channels).fill(100),
  });
  const facts = {
    width: 40,
    height: 30,
    input: [1, 3, 32, 32],
    speed: { preprocess: 0, inference: 0, postprocess: 0 },
  };
  const detection = { xmin: 10, ymin: 10, xmax: 30, ymax: 20, confidence: 0.9, class: 0, name: "box" };
  const one = new DetectionResult({ ...facts, names: ["box"] }, [detection]);
  const pixel = ({ width, data }: { width: number; data: ArrayLike<number> }, x: number, y: number): number[] =>
    [0, 1, 2].map((c) => data[(y * width + x) * 3 + c]);

  it("draws on a copy of RGB, RGBA and grey pictures, also of another size", async () => {
    const rgb = sheet(40, 30);
    const style = { lineThickness: 2, hideLabels: true } as const;
    const drawn = await annotate(rgb, one, style);
    expect(rgb.data.every((value) => value === 100)).toBe(true);
    expect(Object.keys(drawn).sort()).toEqual(["data", "height", "width"]);
    expect(pixel(drawn, 10, 15)).toEqual([255, 56, 56]);
    expect(pixel(drawn, 12, 15)).toEqual([100, 100, 100]);
    for (const channels of [1, 4]) {
      expect(Buffer.compare((await annotate(sheet(40, 30, channels), one, style)).data, drawn.data)).toBe(0);
    }
    const large = await annotate(sheet(80, 90), one, style);
    expect(pixel(large, 20, 45)).toEqual([255, 56, 56]);
    expect(pixel(large, 23, 45)).toEqual([100, 100, 100]);
    expect(pixel(large, 60, 45)).toEqual([255, 56, 56]);
  });

  it("colours by class, track or function, labels by function, applies opacity and hides boxes", async () => {
    const tracked = one.map(() => ({ track: 3 }));
    const at = async (style: AnnotateStyle, of: Result = tracked): Promise<number[]> =>
      pixel(await annotate(sheet(40, 30), of, { hideLabels: true, lineThickness: 2, ...style }), 10, 15);
    expect(await at({})).toEqual([255, 178, 29]);
    expect(await at({ color: "track" }, one)).toEqual([255, 56, 56]);
    expect(await at({ color: "class" })).toEqual([255, 56, 56]);
    expect(await at({ color: ({ confidence }, index) => [confidence > 0.5 ? 1 : 0, 2, index] })).toEqual([1, 2, 0]);
    expect(await at({ opacity: 0.5, color: () => [200, 0, 0] })).toEqual([150, 50, 50]);
    expect(await at({ hideBoxes: true })).toEqual([100, 100, 100]);
    expect(await at({ hideBoxes: true, trails: new Trails().update([{ id: 3, x: 0, y: 0 }]) })).toEqual([
      100, 100, 100,
    ]);
    const trail = { id: 3, points: [0, 15, 40, 15] };
    expect(await at({ hideBoxes: true, trails: [trail] })).toEqual([255, 178, 29]);
    const named = await annotate(sheet(90, 60), one, { label: () => undefined });
    const unnamed = await annotate(sheet(90, 60), one, { hideLabels: true });
    expect(Buffer.compare(named.data, unnamed.data)).toBe(0);
  });

  it("draws names in other scripts with a font, else class numbers", async () => {
    const korean = new DetectionResult({ ...facts, names: ["한국어"] }, [{ ...detection, name: "한국어" }]);
    const none = await openLabelFont(korean.names, { candidates: async () => [] });
    const some = await openLabelFont(korean.names, { candidates: async () => [fontFile("hangul")] });
    const [numbered, named] = [none, some].map((font) => annotate(sheet(200, 150), korean, { font }));
    const asNumber = one.map(() => ({ name: "0" }));
    const expected = await annotate(sheet(200, 150), asNumber);
    expect(Buffer.compare((await numbered).data, expected.data)).toBe(0);
    expect(Buffer.compare((await named).data, expected.data)).not.toBe(0);
  });

  it("captures bytes at the call", async () => {
    const raw = sheet(40, 30);
    const drawing = annotate(raw, one, { hideLabels: true });
    raw.data.fill(0);
    expect(pixel(await drawing, 0, 0)).toEqual([100, 100, 100]);
  });

  it.each([
    ["lineThickness", { lineThickness: 0 }, /^lineThickness must be 1 to 10000 pixels, got 0$/],
    ["lineThickness", { lineThickness: "3" }, /^lineThickness must be 1 to 10000 pixels, got "3"$/],
    ["fontSize", { fontSize: Number.POSITIVE_INFINITY }, /^fontSize must be 1 to 10000 pixels, got Infinity$/],
    ["maskAlpha", { maskAlpha: 2 }, /^maskAlpha must be between 0 and 1, got 2$/],
    ["opacity", { opacity: -1 }, /^opacity must be between 0 and 1/],
    ["hideLabels", { hideLabels: "no" }, /^hideLabels must be true or false, got "no"$/],
    ["color", { color: "red" }, /^color must be "class", "track" or a function of a detection, got "red"$/],
    ["color", { color: () => [1, 2] }, /^color must return \[red, green, blue\], each 0 to 255, got \[1, 2\]$/],
    ["color", { color: () => [1, 2, 300] }, /^color must return/],
    ["theme", { theme: "neon" }, /^theme must be classic, light, dark, high-contrast, got "neon"$/],
    ["theme", { theme: "constructor" }, /^theme must be classic, light, dark, high-contrast, got "constructor"$/],
    ["label", { label: "x" }, /^label must be a function that returns a string for a detection, got "x"$/],
    ["trails", { trails: {} }, /^trails must be a list/],
    ["font", { font: "arial.ttf" }, /^font must be a font returned by openLabelFont, got "arial.ttf"$/],
    ["fontFamily", { fontFamily: "" }, /^fontFamily must be a CSS font family/],
    ["area", { area: { x: 0, y: 0, width: 0, height: 5 } }, /^area must be \{ x, y, width, height \} in pixels/],
    ["a style", null, /^the style must be an object/],
  ])("refuses the %s %o", async (_, style, message) => {
    const error = await rejection(annotate(sheet(40, 30), one, style as AnnotateStyle));
    expect(error).toBeInstanceOf(OptionError);
    expect(error.message).toMatch(message);
  });

  it.each([
    ["nothing", undefined],
    ["null", null],
    ["a list", [one]],
    ["a size alone", { width: 4, height: 4 }],
    ["JSON without its task", { width: 4, height: 4, top5: [] }],
    ["a text", "boxes"],
  ])("refuses %s as a result", async (_, wrong) => {
    const error = await rejection(annotate(sheet(40, 30), wrong as unknown as Result));
    expect(error).toBeInstanceOf(OptionError);
    expect(error.message).toMatch(/^annotate: the result must be one returned by model\.detect/);
  });

  it("refuses anything but a picture", async () => {
    expect(await rejection(annotate("no-such.png", one))).toBeInstanceOf(ImageError);
    expect(await rejection(annotate(null as unknown as string, one))).toBeInstanceOf(ImageError);
    expect((await rejection(annotate(PICTURE, one, { maxPixels: 100 }))).message).toMatch(/picture\.png: /);
  });
});
