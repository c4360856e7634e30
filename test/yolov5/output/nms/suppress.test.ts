import { describe, expect, it } from "vitest";
import { seededRandom } from "../../../../src/tensor/index.js";
import { sortDescending } from "../../../../src/yolov5/output/nms/sort.js";
import { type SortedBoxes, suppress } from "../../../../src/yolov5/output/nms/suppress.js";

/** torchvision's loop, every pair compared. */
function quadratic({ count, x1, y1, x2, y2 }: SortedBoxes, threshold: number): number[] {
  const f = Math.fround;
  const area = (i: number) => f(f(x2[i] - x1[i]) * f(y2[i] - y1[i]));
  const suppressed = new Uint8Array(count);
  const kept: number[] = [];
  for (let i = 0; i < count; i++) {
    if (suppressed[i]) continue;
    kept.push(i);
    for (let j = i + 1; j < count; j++) {
      const w = Math.max(0, f(Math.min(x2[i], x2[j]) - Math.max(x1[i], x1[j])));
      const h = Math.max(0, f(Math.min(y2[i], y2[j]) - Math.max(y1[i], y1[j])));
      const inter = f(w * h);
      if (f(inter / f(f(area(i) + area(j)) - inter)) > threshold) suppressed[j] = 1;
    }
  }
  return kept;
}

function boxes(count: number, make: (i: number) => readonly [number, number, number, number]): SortedBoxes {
  const columns = [0, 1, 2, 3].map(() => new Float32Array(count));
  for (let i = 0; i < count; i++)
    make(i).forEach((v, c) => {
      columns[c][i] = v;
    });
  const [x1, y1, x2, y2] = columns;
  return { count, x1, y1, x2, y2 };
}

describe("suppress", () => {
  const random = seededRandom(7);
  const spread: Record<string, (i: number) => readonly [number, number, number, number]> = {
    "small boxes": () => sized(random() * 640, random() * 640, 4 + random() * 40, 4 + random() * 40),
    "all sizes": () => sized(random() * 640, random() * 640, 640 * random() ** 4, 640 * random() ** 4),
    classes: () => {
      const offset = Math.floor(random() * 80) * 7680;
      return sized(offset + random() * 100, offset + random() * 100, 30 + random() * 50, 30 + random() * 50);
    },
    "thin crossing boxes": (i) =>
      i % 2 ? sized(320, random() * 640, 640, 1 + random() * 4) : sized(random() * 640, 320, 1 + random() * 4, 640),
    "empty, equal and far ones": (i) =>
      i % 4 === 0 ? sized(50, 50, 0, 10) : i % 4 === 1 ? sized(50, 50, 10, 10) : sized(1e12 * (i % 3), -1e30, 1e10, 5),
    "around a centre": () => sized(320 + random() * 8, 320 + random() * 8, 100 + random() * 100, 100 + random() * 100),
  };
  for (const [name, make] of Object.entries(spread)) {
    it(`equals the quadratic loop: ${name}`, () => {
      for (const count of [1, 50, 193, 1500]) {
        const set = boxes(count, make);
        for (const threshold of [0, 0.2, 0.45, 0.6, 1]) {
          const expected = quadratic(set, threshold);
          expect(Array.from(suppress(set, threshold, count))).toEqual(expected);
          expect(Array.from(suppress(set, threshold, 7))).toEqual(expected.slice(0, 7));
        }
      }
    });
  }
});

function sized(x: number, y: number, w: number, h: number): [number, number, number, number] {
  return [x - w / 2, y - h / 2, x + w / 2, y + h / 2];
}

describe("sortDescending", () => {
  it.each([10, 1023, 1024, 20000])("is stable, %i scores", (count) => {
    const random = seededRandom(count);
    const scores = Float32Array.from({ length: count + 3 }, (_, i) =>
      i % 5 === 0 ? 0.5 : Math.floor(random() * 500) / 500 + (i % 97 === 0 ? 1e-30 : 0),
    );
    const expected = Array.from({ length: count }, (_, i) => i).sort((a, b) => scores[b] - scores[a] || a - b);
    expect(Array.from(sortDescending(scores, count))).toEqual(expected);
  });
});
