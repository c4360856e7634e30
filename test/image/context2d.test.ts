/** The drawing on a 2-D context: on one made of our own pixels it is the drawing in memory, byte by byte. */

import { describe, expect, it } from "vitest";
import { Canvas, type Color, drawAnnotations, type RgbImage } from "../../src/image/index.js";
import { annotate, DetectionResult, type Result, Trails } from "../../src/node.js";

type State = Record<"fillStyle" | "font" | "globalAlpha", unknown>;

/** A 2-D context as far as the drawing uses one, with our letters. */
class PixelContext {
  readonly canvas: { readonly width: number; readonly height: number; getContext(kind: "2d"): unknown };
  readonly pixels: Canvas;
  readonly lines: unknown[] = [];
  fillStyle: unknown = "#000";
  strokeStyle: unknown = "#000";
  lineWidth = 1;
  lineCap = "butt";
  lineJoin = "miter";
  globalAlpha = 0.3;
  globalCompositeOperation = "destination-over";
  shadowColor = "black";
  font = "10px serif";
  textAlign = "center";
  textBaseline = "top";
  private path: number[] = [];
  private readonly kept: State[] = [];
  private readonly matrices: number[][] = [];

  constructor({ width, height, data }: RgbImage) {
    this.pixels = new Canvas({ width, height, data });
    this.canvas = { width, height, getContext: () => this };
  }

  save(): void {
    this.kept.push(Object.fromEntries(STATE.map((name) => [name, Reflect.get(this, name)])) as State);
  }
  restore(): void {
    Object.assign(this, this.kept.pop());
  }
  setTransform(...matrix: number[]): void {
    this.matrices.push(matrix);
  }
  setLineDash(): void {}
  beginPath(): void {
    this.path = [];
  }
  rect(x: number, y: number, width: number, height: number): void {
    this.path.push(x, y, x + width, y + height);
  }
  moveTo(x: number, y: number): void {
    this.lines.push([x, y]);
  }
  lineTo(x: number, y: number): void {
    this.lines.push([x, y]);
  }
  fill(): void {
    expect(this.globalCompositeOperation).toBe("source-over");
    this.pixels.fillRectangles(this.path, this.color, this.globalAlpha);
  }
  stroke(): void {
    this.lines.push([this.strokeStyle, this.lineWidth, this.globalAlpha]);
  }
  fillText(text: string, x: number, y: number): void {
    this.pixels.text(text, x, y, this.size, this.color, this.globalAlpha);
  }
  measureText(text: string): { readonly width: number } {
    return { width: this.pixels.textWidth(text, this.size) };
  }

  private get size(): number {
    return Number.parseFloat(this.font);
  }
  private get color(): Color {
    const [red, green, blue] = [...String(this.fillStyle).matchAll(/\d+/g)].map(Number);
    return [red, green, blue];
  }
}

const STATE = [
  ...["fillStyle", "strokeStyle", "lineWidth", "lineCap", "lineJoin", "globalAlpha", "globalCompositeOperation"],
  ...["shadowColor", "font", "textAlign", "textBaseline"],
];

const noise = (width: number, height: number): RgbImage => ({
  width,
  height,
  data: Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 7919) % 251),
});
const facts = { width: 200, height: 150, names: ["a", "b"], input: [1, 3, 64, 64] };
const speed = { preprocess: 0, inference: 0, postprocess: 0 };
const box = (xmin: number, ymin: number, index = 0) => ({
  ...{ xmin, ymin, xmax: xmin + 60.4, ymax: ymin + 40.7, confidence: 0.75, class: index, name: `name ${index}` },
});
const boxes = new DetectionResult({ ...facts, speed }, [box(10.2, 30.6), box(30, 40, 2), box(130, 2, 5)]);
/** A triangle of columns. */
const counts = Array.from({ length: 60 }, (_, i) => [150 - 2 * i, 2 * i + 1]).flat();
const mask = { size: [150, 200], counts: [...counts, 200 * 150 - counts.reduce((a, b) => a + b)] } as const;
const masked = new DetectionResult(
  { ...facts, speed },
  boxes.detections.map((detection) => ({
    ...detection,
    mask,
    area: 0,
    bitmap: () => new Uint8Array(),
    polygon: () => new Float32Array(),
    thresholded: () => ({ width: 0, height: 0, x0: 0, y0: 0, x1: 0, y1: 0, data: new Uint8Array() }),
  })),
  "segment",
);
const classes = {
  task: "classify",
  ...facts,
  top5: [{ class: 0, name: "a", confidence: 0.9 }],
} as unknown as Result;

describe("a 2-D context is drawn on like pixels", () => {
  const results: readonly (readonly [string, Result])[] = [
    ["boxes", boxes],
    ["masks", masked],
    ["classes", classes],
  ];
  const styles = [{}, { opacity: 0.4 }, { hideLabels: true, lineThickness: 5 }, { fontSize: 20, hideBoxes: true }];
  it.each(results)("%s at the picture's size and at others, in every style", async (_, result) => {
    for (const [width, height] of [
      [200, 150],
      [400, 300],
      [90, 150],
      [333, 101],
    ]) {
      for (const style of styles) {
        const image = noise(width, height);
        const expected = await annotate(image, result, style);
        const byContext = new PixelContext(image);
        annotate(byContext, result, style);
        expect(Buffer.compare(byContext.pixels.image.data, expected.data)).toBe(0);
        const byCanvas = new PixelContext(image);
        annotate(byCanvas.canvas, result, style);
        expect(Buffer.compare(byCanvas.pixels.image.data, expected.data)).toBe(0);
      }
    }
  });

  it("the context's state is restored, even if a label throws", () => {
    const context = new PixelContext(noise(200, 150));
    const before = STATE.map((name) => Reflect.get(context, name));
    annotate(context, boxes);
    const throwing = (): string => {
      throw new Error("mine");
    };
    expect(() => annotate(context, boxes, { label: throwing })).toThrow("mine");
    expect(STATE.map((name) => Reflect.get(context, name))).toEqual(before);
  });

  it("an area of the canvas limits the drawing, except for what crosses its border", async () => {
    const context = new PixelContext({ width: 300, height: 300, data: new Uint8Array(300 * 300 * 3) });
    annotate(context, boxes, { area: { x: 100, y: 50, width: 200, height: 150 } });
    const alone = await annotate({ width: 200, height: 150, data: new Uint8Array(200 * 150 * 3) }, boxes);
    for (let y = 0; y < 300; y++) {
      const row = context.pixels.image.data.subarray(y * 900, y * 900 + 900);
      const inside = y >= 50 && y < 200;
      expect(row.subarray(0, 300).every((v) => v === 0)).toBe(true);
      expect([...row.subarray(300)]).toEqual(
        inside ? [...alone.data.subarray((y - 50) * 600, (y - 49) * 600)] : Array(600).fill(0),
      );
    }
  });

  it("trails are lines through their points, scaled", () => {
    const context = new PixelContext(noise(400, 300));
    const trails = new Trails();
    trails.update([{ id: 3, x: 10, y: 20 }]);
    annotate(context, boxes, { trails: trails.update([{ id: 3, x: 30, y: 25 }]), lineThickness: 4 });
    expect(context.lines).toEqual([
      [20, 40],
      [60, 50],
      ["rgb(255, 178, 29)", 4, 1],
    ]);
  });

  it("a canvas without a 2-D context is explained", () => {
    const webgl = { width: 10, height: 10, getContext: () => null };
    const transferred = {
      ...webgl,
      getContext: () => {
        throw new Error("InvalidStateError");
      },
    };
    for (const canvas of [webgl, transferred]) {
      expect(() => annotate(canvas, boxes)).toThrow(/^annotate: this canvas has no 2-D context/);
    }
    expect(() => annotate(new PixelContext(noise(0, 0)), boxes)).not.toThrow();
  });
});

describe("labels avoid each other", () => {
  const RED: Color = [255, 0, 0];
  /** Rectangles of the labels, drawn on a surface that only writes down what it is asked. */
  function labelBoxes(annotations: Parameters<typeof drawAnnotations>[1], width = 400, height = 300): number[][] {
    const drawn: number[][] = [];
    const surface = {
      ...{ width, height, canWrite: () => true, textWidth: (text: string, size: number) => (text.length * size) / 2 },
      fillRectangles: (rectangles: ArrayLike<number>) => void drawn.push(Array.from(rectangles)),
      polyline: () => undefined,
      text: () => undefined,
    };
    drawAnnotations(surface, annotations, { hideBoxes: true });
    return drawn;
  }
  const overlaps = (all: readonly number[][]): number =>
    all
      .flatMap((a, i) => all.slice(i + 1).map((b) => [a, b]))
      .filter(([a, b]) => a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3]).length;

  it("two labels of one box, and several in a row", () => {
    const same = { xyxy: [100, 100, 300, 200], color: RED, label: "somebody 0.50" } as const;
    expect(overlaps(labelBoxes([same, same]))).toBe(0);
    expect(overlaps(labelBoxes([same, same, same, same, same, same]))).toBe(0);
    const row = Array.from({ length: 6 }, (_, i) => ({ ...same, xyxy: [20 + i * 40, 90, 140 + i * 40, 250] as const }));
    expect(overlaps(labelBoxes(row))).toBe(0);
  });

  it("a crowd, larger than a box has corners, while there is room above and below it", () => {
    const same = { xyxy: [100, 120, 140, 180], color: RED, label: "somebody 0.50" } as const;
    const crowd = labelBoxes(Array.from({ length: 12 }, () => same));
    expect(crowd).toHaveLength(12);
    expect(overlaps(crowd)).toBe(0);
    // All of them are near their object.
    for (const [, top, , bottom] of crowd) {
      const height = bottom - top;
      expect(top).toBeGreaterThanOrEqual(120 - 6 * height);
      expect(bottom).toBeLessThanOrEqual(180 + 6 * height);
    }
  });

  it("the first one has its usual place, and all stay inside the picture", () => {
    const corner = { xyxy: [380, 2, 399, 20], color: RED, label: "somebody 0.50" } as const;
    const all = labelBoxes([corner, corner, corner, corner]);
    expect(all.at(-1)).toEqual(labelBoxes([corner])[0]);
    for (const [left, top, right, bottom] of all) {
      expect(Math.min(left, top)).toBeGreaterThanOrEqual(0);
      expect([right <= 400, bottom <= 300]).toEqual([true, true]);
    }
  });

  it("a label is smaller if the picture is lower than a line of text", () => {
    const [[, top, , bottom]] = labelBoxes([{ xyxy: [5, 2, 300, 18], color: RED, label: "x" }], 2000, 20);
    expect(top).toBeGreaterThanOrEqual(0);
    expect(bottom).toBeLessThanOrEqual(22);
  });

  it("thousands on top of each other are still placed", () => {
    const pile = Array.from({ length: 5000 }, () => ({ xyxy: [50, 50, 90, 90] as const, color: RED, label: "pile" }));
    expect(labelBoxes(pile)).toHaveLength(5000);
  });
});
