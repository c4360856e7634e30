/** Letterboxing against PyTorch's hashes and against the measured cases of the three variants. */

import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { OptionError } from "../../../src/errors.js";
import { decodeImage, type RgbImage } from "../../../src/image/index.js";
import { letterbox, toTensor } from "../../../src/yolov5/input/letterbox.js";
import { autoShapeSize, rectBatches, validationLetterbox } from "../../../src/yolov5/input/letterboxVariants.js";
import { scaleBox } from "../../../src/yolov5/output/boxes.js";
import { noise } from "../../image/support.js";
import { referencePath } from "../../support/reference.js";

function solid(width: number, height: number, color: readonly number[] = [10, 20, 30]): RgbImage {
  return { width, height, data: Uint8Array.from({ length: width * height * 3 }, (_, i) => color[i % 3]) };
}

/** Which rows are all grey 114. */
function greyRows({ width, height, data }: RgbImage): number[] {
  return Array.from({ length: height }, (_, y) => y).filter((y) =>
    data.subarray(y * width * 3, (y + 1) * width * 3).every((v) => v === 114),
  );
}

describe("detect.py's letterbox", () => {
  it("120×61 at 64: 64×33 in 64×64, 15 rows above and 16 below", () => {
    const { image, content, pad } = letterbox(solid(120, 61), { size: [64, 64], stride: 32, auto: true });
    expect([image.width, image.height]).toEqual([64, 64]);
    expect(content).toEqual({ x: 0, y: 15, width: 64, height: 33 });
    expect(pad).toEqual([0, 15.5]);
  });

  it.each([
    [1280, 720, 640, [640, 384], [0, 12]],
    [810, 1080, 640, [480, 640], [0, 0]],
    [1280, 721, 640, [640, 384], [0, 12]],
    [128, 65, 64, [64, 32], [0, 0]],
  ])("%i×%i at %i → %j", (width, height, size, input, corner) => {
    const { image, content } = letterbox(solid(width, height), { size: [size, size], stride: 32, auto: true });
    expect([image.width, image.height]).toEqual(input);
    expect([content.x, content.y]).toEqual(corner);
  });

  it("stride 64 pads further", () => {
    const at = (stride: number) => letterbox(solid(128, 72), { size: [128, 128], stride, auto: true }).image;
    expect([at(32).width, at(32).height]).toEqual([128, 96]);
    expect([at(64).width, at(64).height]).toEqual([128, 128]);
  });

  it.each([
    [41, 11, 12],
    [39, 12, 13],
    [43, 10, 11],
  ])("64×%i square: %i grey rows above, %i below", (height, above, below) => {
    const { image } = letterbox(solid(64, height), { size: [64, 64], auto: false });
    const grey = greyRows(image);
    expect(grey.filter((y) => y < 32)).toEqual(Array.from({ length: above }, (_, y) => y));
    expect(grey.filter((y) => y >= 32)).toEqual(Array.from({ length: below }, (_, y) => 64 - below + y));
    expect(image.data.subarray(32 * 64 * 3, 32 * 64 * 3 + 3)).toEqual(Uint8Array.of(10, 20, 30));
  });

  it("does not copy a picture that fits, does not enlarge without scaleUp, and stretches with scaleFill", () => {
    const fits = solid(64, 32);
    expect(letterbox(fits, { size: [64, 64], stride: 32, auto: true }).image).toBe(fits);
    const kept = letterbox(noise(10, 8, 1), { size: [32, 32], auto: false, scaleUp: false });
    expect(kept.content).toEqual({ x: 11, y: 12, width: 10, height: 8 });
    expect(kept.image.data[(12 * 32 + 11) * 3]).toBe(noise(10, 8, 1).data[0]);
    const filled = letterbox(noise(10, 8, 1), { size: [32, 48], auto: false, scaleFill: true });
    expect(filled.content).toEqual({ x: 0, y: 0, width: 48, height: 32 });
    expect(filled.ratio).toEqual([4.8, 4]);
  });

  it("keeps one row of a very wide picture", () => {
    const { content } = letterbox(solid(5000, 1), { size: [64, 64], stride: 32, auto: true });
    expect([content.width, content.height]).toEqual([64, 1]);
  });

  it("refuses sizes that are not positive whole numbers", () => {
    expect(() => letterbox(solid(4, 4), { size: [0, 64], auto: true })).toThrow(OptionError);
    expect(() => letterbox(solid(4, 4), { size: [64, 64], stride: 1.5, auto: true })).toThrow(/stride 1.5/);
  });
});

describe("mapping boxes back", () => {
  it("recomputes gain and padding: 1280×641 at 640", () => {
    const { image } = letterbox(solid(1280, 641), { size: [640, 640], stride: 32, auto: true });
    expect([image.width, image.height]).toEqual([640, 320]);
    const [xmin, , xmax] = scaleBox([0, 0, 640, 320], [320, 640], [641, 1280]);
    expect([xmin, xmax]).toEqual([0, 1280]);
    const [left, , right] = scaleBox([100, 0, 320, 320], [320, 640], [641, 1280]);
    expect(left).toBeCloseTo((100 - 0.4992) / 0.49922, 1);
    expect(right).toBeCloseTo(640, 3);
  });
});

describe("AutoShape's letterbox", () => {
  it("120×61 at 64: 63×32 in 64×32, one column right", () => {
    const image = solid(120, 61);
    const size = autoShapeSize([image], 64, 32);
    expect(size).toEqual([32, 64]);
    expect(letterbox(image, { size, auto: false }).content).toEqual({ x: 0, y: 0, width: 63, height: 32 });
  });

  it("uses the largest sides of the list", () => {
    expect(autoShapeSize([solid(120, 61), solid(50, 100)], 640, 32)).toEqual([640, 640]);
    expect(autoShapeSize([{ width: 333, height: 17 }], 640, 32)).toEqual([32, 640]);
  });
});

describe("batches of val", () => {
  it("are sorted by aspect ratio and padded by half a stride", () => {
    const images = [solid(100, 100), solid(200, 100), solid(100, 150), solid(160, 100)];
    expect(rectBatches(images, 2, 640, 32)).toEqual([
      { indices: [1, 3], size: [416, 672] },
      { indices: [0, 2], size: [672, 672] },
    ]);
    expect(rectBatches([solid(100, 200)], 32, 640, 32, 0)).toEqual([{ indices: [0], size: [640, 320] }]);
  });

  it("have sizes truncated to whole numbers, and pictures shrunk by area and never enlarged again", () => {
    const { image, scaleBack } = validationLetterbox(noise(91, 60, 4), 64, [96, 96]);
    expect([image.width, image.height]).toEqual([96, 96]);
    // 60 × 64 / 91 = 42.2 → 42
    expect(scaleBack).toEqual({ gain: 42 / 60, padX: 16, padY: 27 });
    expect(greyRows(image).length).toBe(54);
  });
});

describe("toTensor", () => {
  it("is NCHW, RGB, byte / 255 in float32", () => {
    const red = solid(2, 1, [255, 0, 51]);
    const { shape, data } = toTensor([red, solid(2, 1, [1, 2, 3])]);
    expect(shape).toEqual([2, 3, 1, 2]);
    expect(Array.from(data)).toEqual(
      [1, 1, 0, 0, 0.2, 0.2, 1 / 255, 1 / 255, 2 / 255, 2 / 255, 3 / 255, 3 / 255].map(Math.fround),
    );
  });

  it("refuses an empty list and pictures of several sizes", () => {
    expect(() => toTensor([])).toThrow(OptionError);
    expect(() => toTensor([solid(2, 1), solid(1, 2)])).toThrow(/picture 1 has 1×2 pixels, the first 2×1/);
  });
});

interface Reference {
  readonly model: { readonly stride?: readonly number[] };
  readonly runs?: readonly {
    readonly image: string;
    readonly size: number;
    readonly rect: boolean;
    readonly letterboxed_sha256?: string;
  }[];
}

const references = referencePath("reference");
const pictures = referencePath("images");

describe.skipIf(!references || !pictures)("reference hashes", () => {
  it("match for every run of every model", async () => {
    const paths = new Map(
      readdirSync(pictures ?? "", { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => [entry.name, join(entry.parentPath, entry.name)]),
    );
    const decoded = new Map<string, RgbImage>();
    const different: string[] = [];
    let compared = 0;
    for (const file of readdirSync(references ?? "").filter((name) => name.endsWith(".json"))) {
      const { model, runs = [] } = JSON.parse(readFileSync(join(references ?? "", file), "utf8")) as Reference;
      for (const run of runs) {
        const path = paths.get(run.image);
        if (run.letterboxed_sha256 === undefined || path === undefined) continue;
        const image = decoded.get(path) ?? (await decodeImage(readFileSync(path), { path }));
        decoded.set(path, image);
        const stride = Math.max(32, ...(model.stride ?? []));
        const boxed = letterbox(image, { size: [run.size, run.size], stride, auto: run.rect }).image;
        const hash = createHash("sha256").update(boxed.data).digest("hex");
        if (hash !== run.letterboxed_sha256) different.push(`${file} ${run.image} ${run.size} ${run.rect}`);
        compared++;
      }
    }
    expect(different).toEqual([]);
    expect(compared).toBeGreaterThanOrEqual(428);
  });
});
