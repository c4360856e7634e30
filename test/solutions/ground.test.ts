/** Heat maps, homographies and speeds. */

import { describe, expect, test } from "vitest";
import { Heatmap } from "../../src/solutions/counting/heatmap.js";
import { Homography } from "../../src/solutions/counting/homography.js";
import { Speedometer } from "../../src/solutions/counting/speedometer.js";
import type { Point } from "../../src/solutions/geometry.js";
import { randomNumbers } from "../support/random.js";
import { boxAt } from "./support.js";

describe("homography", () => {
  test("maps its defining points exactly, and straight lines to straight lines", () => {
    const random = randomNumbers(1);
    for (let k = 0; k < 300; k++) {
      const corner = (x: number, y: number): Point => [x + random() * 300, y + random() * 300];
      const from = [corner(0, 0), corner(900, 0), corner(900, 700), corner(0, 700)];
      const to: Point[] = [
        [0, 0],
        [12, 0],
        [12, 30],
        [0, 30],
      ];
      const ground = new Homography(from, to);
      for (const [i, point] of from.entries()) {
        const [x, y] = ground.apply(point);
        expect(x).toBeCloseTo(to[i][0], 8);
        expect(y).toBeCloseTo(to[i][1], 8);
      }
      const [a, b] = [ground.apply([400, 400]), ground.apply([500, 450])];
      const [mx, my] = ground.apply([450, 425]);
      expect((b[0] - a[0]) * (my - a[1]) - (b[1] - a[1]) * (mx - a[0])).toBeCloseTo(0, 8);
    }
  });

  test("refuses three points on a line", () => {
    const to: Point[] = [
      [0, 0],
      [1, 0],
      [1, 1],
      [0, 1],
    ];
    const flat: Point[] = [
      [0, 0],
      [500, 500],
      [1000, 1000],
      [0, 700],
    ];
    expect(() => new Homography(flat, to)).toThrow(/three of the four points lie on one line/);
    expect(() => new Homography(flat.slice(1), to)).toThrow(/needs four points/);
  });
});

describe("speed", () => {
  /** A road of 10 × 40 m that narrows towards the horizon, and where its places are in the picture. */
  const corners: Point[] = [
    [500, 300],
    [780, 300],
    [1200, 700],
    [80, 700],
  ];
  const toPicture = new Homography(
    [
      [0, 0],
      [10, 0],
      [10, 40],
      [0, 40],
    ],
    corners,
  );

  test.each([1, 5, 13.9])("is %f m/s everywhere on the road, near or far, along or across", (speed) => {
    for (const [from, direction] of [
      [
        [5, 2],
        [0, 1],
      ],
      [
        [2, 38],
        [0, -1],
      ],
      [
        [0.5, 20],
        [1, 0],
      ],
    ] as const) {
      const meter = new Speedometer({ corners, size: [10, 40], seconds: 0.5 });
      let measured: number | undefined;
      for (let frame = 0; frame < 18; frame++) {
        const time = frame / 30;
        const [x, y] = toPicture.apply([from[0] + direction[0] * speed * time, from[1] + direction[1] * speed * time]);
        // The lower edge of the box is where it stands.
        measured = meter.update([{ ...boxAt(4, x, y), ymax: y }], { time }).get(4);
        if (frame < 7) expect(measured).toBeUndefined();
      }
      expect(measured).toBeCloseTo(speed, 6);
    }
  });

  test("averages jitter of the boxes, and starts anew after an absence", () => {
    const random = randomNumbers(6);
    const meter = new Speedometer({ corners, size: [10, 40] });
    const speeds: number[] = [];
    for (let frame = 0; frame < 90; frame++) {
      const time = frame / 30;
      const [x, y] = toPicture.apply([5, 10 + 4 * time]);
      const box = { ...boxAt(4, x + (random() - 0.5) * 2, y), ymax: y + (random() - 0.5) * 2 };
      const speed = meter.update([box], { time }).get(4);
      if (speed !== undefined) speeds.push(speed);
    }
    expect(speeds.length).toBeGreaterThan(60);
    // Over a whole second.
    for (const speed of speeds.slice(16)) expect(Math.abs(speed - 4)).toBeLessThan(0.4);
    meter.update([], { time: 9 });
    expect(meter.update([boxAt(4, 600, 400)], { time: 9.1 }).size).toBe(0);
  });

  test("needs times and a rectangle", () => {
    expect(() => new Speedometer({ corners, size: [10, 40] }).update([], {})).toThrow(/need a time in seconds/);
    expect(() => new Speedometer({ corners, size: [0, 40] })).toThrow(/must be above 0, got 0×40/);
  });
});

describe("heat map", () => {
  const grey = (width: number, height: number) => ({
    width,
    height,
    data: new Uint8Array(width * height * 3).fill(90),
  });
  const pixel = ({ width, data }: { width: number; data: Uint8Array }, x: number, y: number): number[] =>
    Array.from(data.subarray((y * width + x) * 3, (y * width + x) * 3 + 3));

  test("is warmest where most feet stood, and leaves the picture unchanged far from there", () => {
    const map = new Heatmap({ width: 640, height: 360 });
    for (let i = 0; i < 30; i++) map.update([boxAt(1, 200, 170)]);
    for (let i = 0; i < 10; i++) map.update([boxAt(1, 500, 100)]);
    const { columns, data } = map.levels;
    const warmest = data.indexOf(1);
    const cell = 640 / 240;
    expect(Math.abs((warmest % columns) * cell - 200)).toBeLessThan(4);
    expect(Math.abs(Math.floor(warmest / columns) * cell - 200)).toBeLessThan(4);
    const picture = grey(640, 360);
    const drawn = map.overlay(picture);
    expect(pixel(picture, 200, 200)).toEqual([90, 90, 90]);
    expect(pixel(drawn, 20, 20)).toEqual([90, 90, 90]);
    const [red, green, blue] = pixel(drawn, 200, 200);
    expect(red).toBeGreaterThan(150);
    expect(green + blue).toBeLessThan(160);
    const [coolRed, coolGreen, coolBlue] = pixel(drawn, 500, 130);
    expect(coolGreen + coolBlue).toBeGreaterThan(coolRed);
    expect(pixel(map.image(), 20, 20)).toEqual([0, 0, 0]);
  });

  test("has half of the warmth left after each half-life", () => {
    const map = new Heatmap({ width: 100, height: 100, halfLife: 10, radius: 5 });
    map.update([boxAt(1, 30, 20)], { time: 0 });
    map.update([boxAt(1, 70, 20)], { time: 20 });
    const { columns, data } = map.levels;
    expect(data[50 * columns + 30]).toBeCloseTo(0.25 * data[50 * columns + 70], 5);
  });

  test("refuses sizes that do not fit, but accepts points at the edge of the picture", () => {
    const map = new Heatmap({ width: 64, height: 48 });
    map.update([boxAt(1, 0, 0), boxAt(2, 64, 48), boxAt(3, Number.NaN, 0), boxAt(4, -500, 900)]);
    expect(map.levels.data.every(Number.isFinite)).toBe(true);
    expect(() => map.overlay(grey(64, 49))).toThrow(/is for pictures of 64×48 pixels, got 64×49/);
    expect(() => new Heatmap({ width: 64, height: 48, radius: 0 })).toThrow(/must be above 0/);
  });
});
