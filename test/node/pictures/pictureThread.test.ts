/** Large pictures are decoded on another thread, with the same results and the same refusals. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeImage, encodePng } from "../../../src/image/index.js";
import { decodeAside, encodeAside } from "../../../src/node/pictures/pictureThread.js";
import type * as Node from "../../../src/node.js";
import { REPOSITORY } from "../../support/reference.js";
import { rejection } from "../server.js";

const ENTRY = join(REPOSITORY, "dist", "node.js");
const built = existsSync(ENTRY);
if (!built) console.warn("skipped: no dist/node.js; run npm run build first");

/** 4352 × 4096: above 2^24. */
const [WIDTH, HEIGHT] = [4352, 4096];
const data = new Uint8Array(WIDTH * HEIGHT * 3);
for (let i = 0; i < data.length; i++) data[i] = (i >> 12) & 255;
const large = encodePng({ width: WIDTH, height: HEIGHT, data });

describe.skipIf(!built)("in the built package", { timeout: 60_000 }, () => {
  let model: Awaited<ReturnType<typeof Node.load>>;
  let annotate: typeof Node.annotate;
  beforeAll(async () => {
    const entry = (await import(pathToFileURL(ENTRY).href)) as typeof Node;
    annotate = entry.annotate;
    model = await entry.load("codes", { backend: "cpu" });
  });
  afterAll(() => model?.dispose());

  it("a large picture is decoded unchanged, and timers run meanwhile", async () => {
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    const result = await model.detect(large, { imgsz: 64 });
    clearInterval(timer);
    expect([result.width, result.height]).toEqual([WIDTH, HEIGHT]);
    const image = await annotate(large, result, { hideBoxes: true, hideLabels: true });
    expect(Buffer.from(image.data).equals(data)).toBe(true);
    // The thread alone takes many turns of this loop to start.
    expect(ticks).toBeGreaterThan(5);
  });

  it("a damaged one is refused with the same message", async () => {
    const damaged = Buffer.from(large);
    damaged[damaged.length >> 1] ^= 1;
    const here = await rejection(decodeImage(damaged));
    const there = await rejection(model.detect(damaged));
    expect(there.message).toBe(here.message);
    expect(there).toMatchObject({ name: "ImageError", code: "IMAGE", details: { reason: expect.any(String) } });
    const bound = await rejection(model.detect(large, { maxPixels: 2 ** 24 }));
    expect(bound.message).toMatch(/above the limit of 16777216 pixels/);
  });
});

describe("without a built package", () => {
  it("everything is done on the caller's thread", async () => {
    const image = await decodeAside(large, { path: "a.png" });
    expect(Buffer.from(image.data).equals(data)).toBe(true);
    const bytes = await encodeAside(image, "png");
    expect((await decodeImage(bytes)).width).toBe(WIDTH);
    // Not moved anywhere.
    expect(image.data.length).toBe(data.length);
  });
});
