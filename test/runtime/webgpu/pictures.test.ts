/** Pictures that the device letterboxes: every float is the CPU's. And what they cost. */

import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DisposedError, LimitError, ShapeError } from "../../../src/errors.js";
import { decodeImage, type RgbImage, resizeAxes } from "../../../src/image/index.js";
import { GraphBuilder } from "../../../src/ops/index.js";
import { type DevicePicture, FLOAT32_TENSORS } from "../../../src/runtime/backend.js";
import type { WebGpuBackend, WebGpuExecutable } from "../../../src/runtime/webgpu/index.js";
import {
  devicePicturesToTensor,
  type LetterboxOptions,
  letterbox,
  letterboxPlan,
  toTensor,
} from "../../../src/yolov5/input/letterbox.js";
import type { Picture } from "../../../src/yolov5/input/pictures.js";
import { Preprocessor } from "../../../src/yolov5/input/preprocess.js";
import { createMember, openModel } from "../../../src/yolov5/loadModel.js";
import { LocalRunner } from "../../../src/yolov5/localRunner.js";
import { Model, type Result } from "../../../src/yolov5/model.js";
import { type DetectOptions, resolveOptions } from "../../../src/yolov5/options.js";
import type { DetectionResult } from "../../../src/yolov5/output/results.js";
import { noise } from "../../image/support.js";
import { tinyNetwork } from "../../support/blocks.js";
import { RESIZES } from "../../support/cases/resizes.js";
import { referencePath } from "../../support/reference.js";
import { openBackend, webgpuOrSkip } from "../../support/webgpu.js";

const gpu = await webgpuOrSkip();
const weights = referencePath("weights", "yolov5n.pt");
const busPath = referencePath("images", "demo", "bus.jpg");

/** x → x + x, which is exact. */
function doubling(shape: readonly number[]) {
  const builder = new GraphBuilder();
  const x = builder.input("x", { shape, dtype: "float32" });
  return builder.finish([builder.add("add", "double", [x, x], {})]);
}

function fitted(images: readonly RgbImage[], options: DetectOptions): { pictures: DevicePicture[]; shape: number[] } {
  const preprocessor = new Preprocessor(
    { task: "detect", stride: 32, defaultImgsz: [640, 640] },
    { capabilities: { ...FLOAT32_TENSORS, fitsPictures: true } },
  );
  const { pictures, shape } = preprocessor.input(
    preprocessor
      .plan(
        images.map((image) => ({ image })),
        resolveOptions(options, { classes: 80 }),
      )
      .map(({ make }) => make()),
  );
  if (!pictures) throw new Error("the CPU did it");
  return { pictures: [...pictures], shape: [...shape] };
}

/** The input that the device made, undoubled. */
async function inputOf(backend: WebGpuBackend, { pictures, shape }: ReturnType<typeof fitted>): Promise<Float32Array> {
  const executable = await backend.compile(doubling(shape));
  const [{ data }] = await executable.runPictures(pictures);
  executable.dispose();
  return (data as Float32Array).map((value) => value / 2);
}

const cpuInput = (images: readonly RgbImage[], options: LetterboxOptions): Float32Array =>
  toTensor(images.map((image) => letterbox(image, options).image)).data;

describe.skipIf(!gpu)("pictures on the device", () => {
  let backend: WebGpuBackend;
  beforeAll(async () => {
    if (gpu) backend = await openBackend(gpu);
  });
  afterAll(() => backend?.dispose());

  it.each(RESIZES)("%s: %i×%i, to the bit", async (_, width, height) => {
    const image = noise(width, height, width * 1000 + height);
    for (const fit of ["rect", "square"] as const) {
      const actual = await inputOf(backend, fitted([image], { imgsz: 128, fit }));
      expect(actual).toEqual(cpuInput([image], { size: [128, 128], stride: 32, auto: fit === "rect" }));
    }
  });

  it("a batch of several sizes, each in its place", async () => {
    const images = [noise(100, 60, 1), noise(31, 99, 2), noise(64, 64, 3), noise(128, 2, 4)];
    const actual = await inputOf(backend, fitted(images, { imgsz: 64, fit: "square" }));
    expect(actual).toEqual(cpuInput(images, { size: [64, 64], auto: false }));
  });

  it("four bytes per pixel, and views into larger and shared memory work", async () => {
    const image = noise(50, 41, 5);
    const { pictures, shape } = fitted([image], { imgsz: 64 });
    const rgba = new Uint8Array(50 * 41 * 4 + 3).subarray(3);
    for (let i = 0; i < 50 * 41; i++) rgba.set([...image.data.subarray(i * 3, i * 3 + 3), i & 255], i * 4);
    const shared = new Uint8Array(new SharedArrayBuffer(image.data.length));
    shared.set(image.data);
    const expected = devicePicturesToTensor(pictures, [shape[2], shape[3]]).data;
    for (const pixels of [
      { width: 50, height: 41, channels: 4 as const, data: rgba },
      { width: 50, height: 41, channels: 3 as const, data: shared },
    ]) {
      const given = [{ ...pictures[0], pixels }];
      expect(await inputOf(backend, { pictures: given, shape })).toEqual(expected);
      expect(devicePicturesToTensor(given, [shape[2], shape[3]]).data).toEqual(expected);
    }
  });

  it("enlarging, stretching and the grey of the padding follow the options", async () => {
    for (const options of [
      { size: [96, 64], auto: false, scaleUp: false, color: 7 },
      { size: [96, 64], auto: false, scaleFill: true },
    ] as const) {
      const image = noise(21, 35, 6);
      const { content, color } = letterboxPlan(image, options);
      const { x, y } = content;
      const axes = resizeAxes(image, content.width, content.height);
      const picture = { pixels: { ...image, channels: 3 as const }, x, y, ...axes, grey: color };
      const actual = await inputOf(backend, { pictures: [picture], shape: [1, 3, 96, 64] });
      expect(actual).toEqual(cpuInput([image], options));
    }
  });

  it("submits once per frame and creates nothing unless sizes grow", async () => {
    const executable = await backend.compile(tinyNetwork(8, 64));
    const frames = [noise(100, 60, 1), noise(60, 100, 2)].map((image) => fitted([image], { imgsz: 64, fit: "square" }));
    const expected = [];
    for (const { pictures } of frames)
      expected.push(await executable.run([devicePicturesToTensor(pictures, [64, 64])]));
    for (const { pictures } of frames) await executable.runPictures(pictures);
    const [before, memory] = [executable.counters(), executable.memory()];
    const calls = Array.from({ length: 50 }, (_, i) => executable.runPictures(frames[i % 2].pictures));
    for (const [i, outputs] of (await Promise.all(calls)).entries()) expect(outputs).toEqual(expected[i % 2]);
    const after = executable.counters();
    expect(after.submits - before.submits).toBe(50);
    for (const key of ["buffersCreated", "buffersDestroyed", "pipelinesCreated", "bindGroupsCreated"] as const) {
      expect(after[key], key).toBe(before[key]);
    }
    expect(executable.memory()).toEqual(memory);
    expect(memory.stagingBytes).toBeGreaterThan(100 * 60 * 3);
    executable.dispose();
  });

  it("grows for a larger picture and releases everything", async () => {
    const live = (): number => backend.counters().buffersCreated - backend.counters().buffersDestroyed;
    const before = live();
    const executable = await backend.compile(tinyNetwork(8, 64));
    for (const side of [20, 90, 40]) {
      const { pictures } = fitted([noise(side, side, side)], { imgsz: 64 });
      const tensor = devicePicturesToTensor(pictures, [64, 64]);
      expect(await executable.runPictures(pictures)).toEqual(await executable.run([tensor]));
    }
    executable.dispose();
    await new Promise((resolve) => setTimeout(resolve, 0));
    expect(live()).toBe(before);
    await expect(executable.runPictures([])).rejects.toThrow(DisposedError);
  });

  it("float16 gives the same outputs as the CPU's input, also in the run that checks for overflow", async () => {
    if (!backend.capabilities.dtypes.includes("float16")) return;
    const { pictures } = fitted([noise(100, 60, 1)], { imgsz: 64, fit: "square" });
    const [first, second] = await Promise.all(
      [1, 2].map(() => backend.compile(tinyNetwork(8, 64), { dtype: "float16" })),
    );
    const expected = await first.run([devicePicturesToTensor(pictures, [64, 64])]);
    expect(await second.runPictures(pictures)).toEqual(expected);
    expect(await second.runPictures(pictures)).toEqual(expected);
    for (const executable of [first, second]) executable.dispose();
  });

  it.skipIf(!weights || !busPath)(
    "gives the same boxes on bus.jpg as the CPU's letterbox, in lists and streams too",
    async () => {
      if (!gpu || !weights || !busPath) return;
      const opened = openModel(new Uint8Array(readFileSync(weights)), { path: "yolov5n.pt" });
      const bus = await decodeImage(new Uint8Array(readFileSync(busPath)));
      const pictures = [bus, noise(200, 320, 1), bus].map((image) => ({ image }));
      const found: unknown[] = [];
      for (const fitPictures of [false, true]) {
        const own = await openBackend(gpu, { fitPictures });
        expect(own.capabilities.fitsPictures).toBe(fitPictures);
        const model = new Model(
          new LocalRunner([createMember(opened, own, { path: "yolov5n.pt" })], own, async (p: Picture) => p),
        );
        const listed = await model.detect(pictures, { imgsz: 320, batchSize: 2 });
        const streamed: Result[] = [];
        for await (const result of model.stream(pictures, { imgsz: 320, fit: "square" })) streamed.push(result);
        const augmented = await model.detect([{ image: bus }], { imgsz: 320, augment: true });
        found.push([...listed, ...streamed, ...augmented].map((result) => (result as DetectionResult).detections));
        model.dispose();
      }
      expect(found[1]).toEqual(found[0]);
      expect((found[1] as unknown[][])[0].length).toBeGreaterThanOrEqual(4);
    },
  );

  describe("refuses", () => {
    let executable: WebGpuExecutable;
    let picture: DevicePicture;
    beforeAll(async () => {
      executable = await backend.compile(tinyNetwork(8, 64));
      [picture] = fitted([noise(64, 64, 1)], { imgsz: 64 }).pictures;
    });

    it("a wrong number of pictures, parts outside the input, too few bytes", async () => {
      await expect(executable.runPictures([])).rejects.toThrow("0 pictures given, the plan is for 1");
      await expect(executable.runPictures([{ ...picture, x: 1 }])).rejects.toThrow("64×64 pixels at 1, 0 are beyond");
      const pixels = { ...picture.pixels, data: new Uint8Array(7) };
      await expect(executable.runPictures([{ ...picture, pixels }])).rejects.toThrow(ShapeError);
      expect(await executable.runPictures([picture])).toHaveLength(2);
    });

    it("a picture larger than the adapter can bind", async () => {
      if (!gpu) return;
      const least = await openBackend(gpu, { minimal: true });
      const small = await least.compile(tinyNetwork(8, 64));
      // 128 MiB and a row; nobody reads the bytes.
      const pixels = { width: 8192, height: 5462, channels: 3 as const, data: new Uint8Array(0) };
      await expect(small.runPictures([{ ...picture, pixels }])).rejects.toThrow(LimitError);
      least.dispose();
    });
  });
});
