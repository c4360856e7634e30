/** Pictures resized into the network's input, and rows picked out of its output: bit for bit what tensors give. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DisposedError, ShapeError } from "../../../src/errors.js";
import { type RgbImage, resizeAxes } from "../../../src/image/index.js";
import { type Graph, GraphBuilder } from "../../../src/ops/index.js";
import {
  type Backend,
  type DevicePicture,
  type PictureExecutable,
  takesPictures,
} from "../../../src/runtime/backend.js";
import { createWasmBackend } from "../../../src/runtime/wasm/index.js";
import { elementCount, type HostTensor, tensor } from "../../../src/tensor/index.js";
import { devicePicturesToTensor, letterbox, letterboxPlan, toTensor } from "../../../src/yolov5/input/letterbox.js";
import { noise } from "../../image/support.js";
import { tinyNetwork } from "../../support/blocks.js";
import { RESIZES } from "../../support/cases/resizes.js";

/** x → x + x, which is exact. */
function doubling(shape: readonly number[]): Graph {
  const builder = new GraphBuilder();
  const x = builder.input("x", { shape, dtype: "float32" });
  return builder.finish([builder.add("add", "double", [x, x], {})]);
}

/** Maps that are decoded without convolutions before them. */
function head(kind: "anchors" | "anchor-free"): Graph {
  const builder = new GraphBuilder();
  const map = (name: string, c: number) => builder.input(name, { shape: [2, c, 6, 5], dtype: "float32" });
  if (kind === "anchors") {
    const attrs = { anchors: [[10, 13, 16, 30]], strides: [8], outputs: 8, maskCoefficients: 0 };
    return builder.finish([builder.add("detect", "head", [map("x", 16)], attrs)]);
  }
  const attrs = { strides: [8], bins: [], classes: 3, extras: 0, keypointSize: 0, corners: false };
  return builder.finish([builder.add("detectAnchorFree", "head", [map("boxes", 4), map("scores", 3)], attrs)]);
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array) => Buffer.from(buffer, byteOffset, byteLength);
const sameBits = (a: Float32Array, b: Float32Array): boolean => bytesOf(a).equals(bytesOf(b));

function noisy(shape: readonly number[], seed: number): HostTensor {
  const { data } = noise(elementCount(shape), 1, seed);
  return tensor(
    "float32",
    [...shape],
    Float32Array.from({ length: elementCount(shape) }, (_, i) => data[i] / 32 - 6),
  );
}

function fitted(image: RgbImage, size: readonly [number, number], auto: boolean): DevicePicture {
  const { content, color } = letterboxPlan(image, { size: [...size], stride: 32, auto });
  const { x, y, width, height } = content;
  return { pixels: { ...image, channels: 3 }, x, y, ...resizeAxes(image, width, height), grey: color };
}

describe.each([1, 2])("wasm with %i threads", (threads) => {
  let backend: Backend;
  beforeAll(async () => {
    backend = await createWasmBackend({ threads });
  });
  afterAll(() => backend.dispose());

  async function compile(graph: Graph): Promise<PictureExecutable> {
    const executable = await backend.compile(graph);
    if (!takesPictures(executable)) throw new Error("takes no pictures");
    return executable;
  }

  it.each(RESIZES)("%s: %i×%i, to the bit", async (_, width, height) => {
    const image = noise(width, height, width * 1000 + height);
    for (const auto of [true, false]) {
      const expected = toTensor([letterbox(image, { size: [128, 128], stride: 32, auto }).image]);
      const executable = await compile(doubling(expected.shape));
      const [{ data }] = await executable.runPictures([fitted(image, [128, 128], auto)]);
      expect(
        sameBits(
          (data as Float32Array).map((value) => value / 2),
          expected.data,
        ),
      ).toBe(true);
      executable.dispose();
    }
  });

  it("a batch of several sizes, into a stem whose input has a border, gives the same as tensors", async () => {
    const executable = await compile(tinyNetwork(8, 64, 3));
    const frames = [0, 1].map((k) =>
      [noise(100, 60, k), noise(31, 99, k + 2), noise(64, 64, k + 4)].map((image) => fitted(image, [64, 64], false)),
    );
    const expected: HostTensor[][] = [];
    for (const frame of frames) expected.push(await executable.run([devicePicturesToTensor(frame, [64, 64])]));
    expect(expected[0]).not.toEqual(expected[1]);
    const calls = Array.from({ length: 8 }, (_, i) => executable.runPictures(frames[i % 2]));
    for (const [i, outputs] of (await Promise.all(calls)).entries()) expect(outputs).toEqual(expected[i % 2]);
    executable.dispose();
    await expect(executable.runPictures(frames[0])).rejects.toThrow(DisposedError);
  });

  it("four bytes per pixel, and views into larger and shared memory work", async () => {
    const image = noise(50, 41, 5);
    const picture = fitted(image, [64, 64], false);
    const rgba = new Uint8Array(50 * 41 * 4 + 3).subarray(3);
    for (let i = 0; i < 50 * 41; i++) rgba.set([...image.data.subarray(i * 3, i * 3 + 3), i & 255], i * 4);
    const shared = new Uint8Array(new SharedArrayBuffer(image.data.length));
    shared.set(image.data);
    const executable = await compile(tinyNetwork(8, 64));
    const expected = await executable.runPictures([picture]);
    for (const pixels of [
      { width: 50, height: 41, channels: 4 as const, data: rgba },
      { width: 50, height: 41, channels: 3 as const, data: shared },
    ]) {
      expect(await executable.runPictures([{ ...picture, pixels }])).toEqual(expected);
    }
    executable.dispose();
  });

  it("refuses a wrong number of pictures, and parts beyond the input", async () => {
    const executable = await compile(tinyNetwork(8, 64));
    const picture = fitted(noise(64, 64, 1), [64, 64], false);
    await expect(executable.runPictures([])).rejects.toThrow(ShapeError);
    await expect(executable.runPictures([picture, picture])).rejects.toThrow(ShapeError);
    await expect(executable.runPictures([{ ...picture, x: 1 }])).rejects.toThrow(ShapeError);
    executable.dispose();
  });

  it.each(["anchors", "anchor-free"] as const)(
    "returns the rows of a head with %s that exceed a threshold",
    async (kind) => {
      const graph = head(kind);
      const executable = await compile(graph);
      const inputs = graph.inputs.map((id, i) => noisy(graph.values[id].shape, i + 1));
      const [whole] = await executable.run(inputs);
      const [pictures, total, columns] = whole.shape;
      const data = whole.data as Float32Array;
      const scores = kind === "anchors" ? [4] : [4, 5, 6];
      for (const threshold of [0, 0.001, 0.25, 0.9, 1]) {
        const found = await executable.runCandidates({ inputs }, threshold);
        expect(found?.others).toEqual([]);
        for (let n = 0; n < pictures; n++) {
          const row = (r: number) => data.subarray((n * total + r) * columns, (n * total + r + 1) * columns);
          const wanted = Array.from({ length: total }, (_, r) => r).filter((r) =>
            scores.some((c) => row(r)[c] > Math.fround(threshold)),
          );
          expect(found?.candidates[n]).toEqual({
            rows: Int32Array.from(wanted),
            data: Float32Array.from(wanted.flatMap((r) => [...row(r)])),
            columns,
            total,
          });
        }
      }
      executable.dispose();
    },
  );

  it("has no candidates without a head", async () => {
    const executable = await compile(tinyNetwork(8, 64));
    const pictures = [fitted(noise(64, 64, 1), [64, 64], false)];
    expect(await executable.runCandidates({ pictures }, 0.25)).toBeUndefined();
    executable.dispose();
  });
});
