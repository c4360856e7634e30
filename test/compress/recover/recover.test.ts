/** Recovery: the loss and its gradient, which pictures and which weights, runs that go on. */

import { afterAll, describe, expect, it } from "vitest";
import type { Head } from "../../../src/compress/headMaps.js";
import { pruneChannels } from "../../../src/compress/prune/pruneChannels.js";
import { distillationLoss } from "../../../src/compress/recover/loss.js";
import type { RecoverOptions } from "../../../src/compress/recover/options.js";
import { splitPictures } from "../../../src/compress/recover/pictures.js";
import { recover } from "../../../src/compress/recover/recover.js";
import { keptPoint } from "../../../src/compress/recover/state.js";
import { CheckpointError, ImageError } from "../../../src/errors.js";
import { openTrainer, openWasmTrainer } from "../../../src/node/trainers.js";
import { openWasm } from "../../../src/node/wasm.js";
import type { TrainingGraph } from "../../../src/ops/gradients/index.js";
import { seededRandom } from "../../../src/tensor/index.js";
import { collectStateDict } from "../../../src/weights/index.js";
import type { ModuleNode } from "../../../src/weights/types.js";
import { openBackend, webgpuOrSkip } from "../../support/webgpu.js";
import { codes } from "../support.js";

const gpu = await webgpuOrSkip();
const backend = await openWasm({ threads: 1 });
afterAll(() => backend.dispose());

const numbers = (length: number, seed: number): Float32Array => {
  const random = seededRandom(seed);
  return Float32Array.from({ length }, () => 4 * random() - 2);
};

const ANCHORED: Head = {
  type: "detect",
  name: "head",
  inputs: [0],
  outputs: [],
  attrs: { anchors: [[10, 13, 16, 30]], strides: [8], outputs: 8, maskCoefficients: 1 },
};
const ANCHOR_FREE: Head = {
  type: "detectAnchorFree",
  name: "head",
  inputs: [0, 1, 2],
  outputs: [],
  attrs: { strides: [8], bins: [0, 1], classes: 3, extras: 2, keypointSize: 0, corners: false },
};

describe("the loss", () => {
  it.each([
    [
      "anchors, and prototypes",
      ANCHORED,
      [
        [2, 16, 3, 2],
        [2, 2, 6, 4],
      ],
    ],
    [
      "no anchors",
      ANCHOR_FREE,
      [
        [2, 8, 3, 2],
        [2, 3, 3, 2],
        [2, 2, 3, 2],
      ],
    ],
  ] as const)("with %s is 0 between equals, and its gradient is that of finite differences", (_, head, shapes) => {
    const sizes = shapes.map((shape) => shape.reduce((a, b) => a * b, 1));
    const teacher = sizes.map((size, i) => numbers(size, i));
    const same = distillationLoss(
      head,
      shapes,
      teacher,
      teacher.map((data) => data.slice()),
    );
    expect(Math.abs(same.loss)).toBeLessThan(1e-12);
    expect(same.seeds.flatMap((seed) => [...seed]).every((v) => Math.abs(v) < 1e-7)).toBe(true);
    const student = sizes.map((size, i) => numbers(size, 10 + i));
    const { loss, seeds } = distillationLoss(head, shapes, teacher, student);
    expect(loss).toBeGreaterThan(0.1);
    for (const [map, data] of student.entries()) {
      for (let i = 0; i < data.length; i++) {
        const own = data[i];
        const [above, below] = [1 / 256, -1 / 256].map((step) => {
          data[i] = own + step;
          return distillationLoss(head, shapes, teacher, student).loss;
        });
        data[i] = own;
        expect(Math.abs((above - below) * 128 - seeds[map][i])).toBeLessThan(2e-4);
      }
    }
  });
});

describe("pictures", () => {
  const numbered = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

  it("of many, a fifth is held out, at most 32", () => {
    for (const [count, held] of [
      [80, 16],
      [500, 32],
    ]) {
      const { trained, watched, heldOut } = splitPictures(numbered(count));
      expect([heldOut, watched.length]).toEqual([true, held]);
      expect([...trained, ...watched].sort((a, b) => a - b)).toEqual(numbered(count));
    }
  });

  it("of few, none is held out", () => {
    expect(splitPictures(numbered(79))).toEqual({
      trained: numbered(79),
      watched: expect.objectContaining({ length: 32 }),
      heldOut: false,
    });
    expect(splitPictures([7])).toEqual({ trained: [7], watched: [7], heldOut: false });
  });
});

describe("the point of a curve that is kept", () => {
  const curve = (...agreements: number[]) =>
    agreements.map((agreement, step) => ({ step, loss: 1, distance: 1, agreement }));

  it.each([
    ["the last, if it is better", [0.5, 0.3, 0.4, 0.55, 0.6, 0.56], 5],
    ["the last of those that were not worse over three looks", [0.5, 0.6, 0.6, 0.4, 0.3, 0.2], 3],
    ["the start, if one lucky look is all there is", [0.5, 0.4, 0.3, 0.51, 0.4, 0.4], 0],
    ["the start, if there is nothing else", [0.5], 0],
  ])("is %s", (_, agreements, kept) => {
    expect(keptPoint(curve(...agreements)).step).toBe(kept);
  });

  it("follows the distance where no agreement was measured", () => {
    const distances = [3, 2, 1, 4].map((distance, step) => ({ step, loss: 1, distance }));
    expect(keptPoint(distances).step).toBe(3);
    expect(keptPoint([...distances, { step: 4, loss: 1, distance: 9 }]).step).toBe(3);
  });
});

describe("a run", () => {
  const teacher = codes().module;
  const student = pruneChannels(teacher, { criterion: "l2", amount: 0.15, scope: "global", round: 4 }).module;
  const pictures = Array.from({ length: 9 }, (_, i) => ({
    name: `picture ${i}`,
    width: 96,
    height: 80,
    load: async () => {
      const random = seededRandom(i);
      const colour = [random(), random(), random()];
      const data = Uint8Array.from({ length: 96 * 80 * 3 }, (_v, k) => 255 * (0.5 * colour[k % 3] + 0.5 * random()));
      return { width: 96, height: 80, data };
    },
  }));
  const options = (own: Partial<RecoverOptions> = {}): RecoverOptions => ({
    backend,
    openTrainer: (graph) => openWasmTrainer(graph, { threads: 1 }),
    pictures,
    imgsz: 64,
    limit: { steps: 24 },
    ...own,
  });
  const bytesOf = (module: ModuleNode): unknown[] =>
    [...collectStateDict(module)].map(([name, { data }]) => [name, data]);

  it("comes closer to its teacher, and goes on from wherever it was ended to the same bits", async () => {
    const whole = await recover(teacher, student, options());
    expect(whole.steps).toBe(24);
    expect(whole.pictures).toEqual({ trained: 9, watched: 9 });
    const [first] = whole.curve;
    expect(Math.min(...whole.curve.map(({ distance }) => distance))).toBeLessThan(0.97 * first.distance);

    const controller = new AbortController();
    let state = new Uint8Array(0);
    let kept: ModuleNode | undefined;
    const killed = recover(
      teacher,
      student,
      options({
        signal: controller.signal,
        onProgress: ({ step }) => (step === 9 ? controller.abort() : undefined),
        onState: async (bytes, best) => {
          state = Uint8Array.from(bytes());
          kept = best();
        },
      }),
    );
    await expect(killed).rejects.toThrow();
    expect([...collectStateDict(kept as ModuleNode).keys()]).toEqual([...collectStateDict(student).keys()]);
    const continued = await recover(teacher, student, options({ saved: state }));
    expect(continued.curve).toEqual(whole.curve);
    expect(bytesOf(continued.module)).toEqual(bytesOf(whole.module));

    // A picture that cannot be decoded is left out, and said once.
    const broken = { ...pictures[0], name: "broken", load: () => Promise.reject(new ImageError("broken: is cut")) };
    const said: string[] = [];
    const onUnreadable = ({ message }: ImageError): number => said.push(message);
    const limit = { steps: 3 };
    await recover(teacher, student, options({ pictures: [broken, ...pictures.slice(0, 2)], limit, onUnreadable }));
    expect(said).toEqual(["broken: is cut"]);
    await expect(recover(teacher, student, options({ pictures: [broken], limit }))).rejects.toThrow(
      /none of the pictures/,
    );

    await expect(recover(teacher, student, options({ saved: state, seed: 1 }))).rejects.toThrow(/another run/);
    await expect(recover(student, student, options({ saved: state }))).rejects.toThrow(/another run/);
    await expect(recover(teacher, student, options({ saved: state.subarray(0, -4) }))).rejects.toThrow(/is cut/);
    await expect(recover(teacher, student, options({ saved: Uint8Array.of(1, 2) }))).rejects.toThrow(CheckpointError);
  });

  it.skipIf(!gpu)("on WebGPU goes on to the same bits too", async () => {
    const device = await openBackend(gpu as GPU);
    const own = { backend: device, openTrainer: (graph: TrainingGraph) => openTrainer("webgpu", graph) };
    const limit = { steps: 4 };
    const whole = await recover(teacher, student, options({ ...own, limit }));
    const controller = new AbortController();
    let state = new Uint8Array(0);
    const killed = recover(
      teacher,
      student,
      options({
        ...own,
        limit,
        signal: controller.signal,
        onProgress: ({ step }) => (step === 2 ? controller.abort() : undefined),
        onState: async (bytes) => {
          state = Uint8Array.from(bytes());
        },
      }),
    );
    await expect(killed).rejects.toThrow();
    const continued = await recover(teacher, student, options({ ...own, limit, saved: state }));
    expect(continued.curve).toEqual(whole.curve);
    expect(bytesOf(continued.module)).toEqual(bytesOf(whole.module));
    device.dispose();
  });
});
