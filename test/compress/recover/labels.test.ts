/** Learning from labels: the loss and its gradient, labels under augmentation, and what is refused. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { Head } from "../../../src/compress/headMaps.js";
import { pruneChannels } from "../../../src/compress/prune/pruneChannels.js";
import { augmented } from "../../../src/compress/recover/augment.js";
import { assertLearnable, labelLoss } from "../../../src/compress/recover/labelLoss.js";
import type { RecoverOptions } from "../../../src/compress/recover/options.js";
import { recover } from "../../../src/compress/recover/recover.js";
import { openTrainer, openWasmTrainer } from "../../../src/node/trainers.js";
import { openWasm } from "../../../src/node/wasm.js";
import type { NodeOf } from "../../../src/ops/index.js";
import { seededRandom } from "../../../src/tensor/index.js";
import { float32Of, float64Of, type Packed } from "../../ops/fixture.js";
import { REPOSITORY } from "../../support/reference.js";
import { openBackend, webgpuOrSkip } from "../../support/webgpu.js";
import { codes } from "../support.js";

const gpu = await webgpuOrSkip();
const backend = await openWasm({ threads: 1 });
afterAll(() => backend.dispose());

interface Fixture {
  readonly strides: readonly number[];
  readonly anchors: readonly (readonly number[])[];
  /** Class, centre x, centre y, width, height of the objects of each picture. */
  readonly objects: readonly (readonly (readonly [number, number, number, number, number])[])[];
  readonly cases: readonly {
    readonly classes: number;
    readonly loss: number;
    readonly maps: readonly Packed[];
    readonly gradients: readonly Packed[];
  }[];
}
const path = join(REPOSITORY, "test", "fixtures", "compress", "labelLoss.json");
const { strides, anchors, objects, cases } = JSON.parse(readFileSync(path, "utf8")) as Fixture;

const headOf = (classes: number): NodeOf<"detect"> => ({
  type: "detect",
  name: "head",
  inputs: [0, 1, 2],
  outputs: [],
  attrs: { anchors, strides, outputs: 5 + classes, maskCoefficients: 0 },
});

describe("the loss and its gradient", () => {
  it.each(cases)("are PyTorch's with $classes classes", ({ classes, loss, maps, gradients }) => {
    const placed = objects.map((own) => ({
      classes: own.map(([kind]) => kind % classes),
      boxes: own.map(([, ...box]) => box),
    }));
    const student = maps.map((map) => float32Of(map).data);
    const seeds = student.map(({ length }) => new Float32Array(length).fill(1));
    const shapes = maps.map(({ shape }) => shape);
    expect(Math.abs(labelLoss(headOf(classes), shapes, placed, student, seeds, 2) / (2 * loss) - 1)).toBeLessThan(1e-6);
    for (const [level, gradient] of gradients.entries()) {
      const wanted = float64Of(gradient).data;
      const largest = wanted.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
      const worst = wanted.reduce((most, v, i) => Math.max(most, Math.abs((seeds[level][i] - 1) / 2 - v)), 0);
      // The seeds, which held 1, are float32.
      expect(worst / largest).toBeLessThan(1e-4);
      expect(largest).toBeGreaterThan(1e-3);
    }
  });
});

describe("labels under augmentation", () => {
  /** A white rectangle on black, and a second one at the edge. */
  const [width, height] = [80, 60];
  const boxes = [
    [0.5, 0.4, 0.3, 0.4],
    [0.05, 0.9, 0.1, 0.2],
  ];
  const isWhite = (x: number, y: number): boolean =>
    boxes.some(([cx, cy, w, h]) => Math.abs(x / width - cx) < w / 2 && Math.abs(y / height - cy) < h / 2);
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < data.length; i++) {
    const pixel = Math.floor(i / 3);
    data[i] = isWhite((pixel % width) + 0.5, Math.floor(pixel / width) + 0.5) ? 255 : 0;
  }
  const truth = { classes: Int32Array.of(3, 1), boxes: Float32Array.from(boxes.flat()), polygons: [[], []] };

  it("lie where the pixels lie: scaled, cropped, mirrored and in mosaics", async () => {
    const size = 96;
    const counts = new Set<number>();
    for (let seed = 0; seed < 40; seed++) {
      const target = new Float32Array(3 * size * size);
      const pick = async () => ({ image: { width, height, data }, truth });
      const placed = await augmented(target, size, seededRandom(seed), pick);
      counts.add(placed.classes.length);
      expect(placed.classes.every((own) => own === 3 || own === 1)).toBe(true);
      let [white, inside] = [0, 0];
      for (let y = 0; y < size; y++) {
        for (let x = 0; x < size; x++) {
          if (target[y * size + x] < 0.55) continue;
          white++;
          const covers = ([cx, cy, w, h]: readonly number[]): boolean =>
            Math.abs(x + 0.5 - cx) <= w / 2 + 1 && Math.abs(y + 0.5 - cy) <= h / 2 + 1;
          if (placed.boxes.some(covers)) inside++;
        }
      }
      const area = placed.boxes.reduce((sum, [, , w, h]) => sum + w * h, 0);
      // All but slivers that count no longer, and edges that are blurred.
      expect(white - inside).toBeLessThanOrEqual(0.1 * white + 8);
      const edges = placed.boxes.reduce((sum, [, , w, h]) => sum + 2 * (w + h), 0);
      expect(Math.abs(inside - area)).toBeLessThanOrEqual(edges);
    }
    expect(counts.size).toBeGreaterThan(3);
  });

  it("change nothing of the pixels, and unlabelled pictures have none", async () => {
    const [with_, without] = [new Float32Array(3 * 64 * 64), new Float32Array(3 * 64 * 64)];
    await augmented(with_, 64, seededRandom(5), async () => ({ image: { width, height, data }, truth }));
    const none = await augmented(without, 64, seededRandom(5), async () => ({ image: { width, height, data } }));
    expect(with_).toEqual(without);
    expect(none).toEqual({ classes: [], boxes: [] });
  });
});

describe("a run with labels", () => {
  const teacher = codes().module;
  const student = pruneChannels(teacher, { criterion: "l2", amount: 0.15, scope: "global", round: 4 }).module;
  const truth = { classes: Int32Array.of(0), boxes: Float32Array.of(0.5, 0.5, 0.4, 0.5), polygons: [[]] };
  const pictures = Array.from({ length: 3 }, (_, i) => ({
    name: `picture ${i}`,
    width: 64,
    height: 64,
    truth,
    load: async () => {
      const random = seededRandom(i);
      return { width: 64, height: 64, data: Uint8Array.from({ length: 64 * 64 * 3 }, () => 255 * random()) };
    },
  }));
  const options = (own: Partial<RecoverOptions> = {}): RecoverOptions => ({
    backend,
    openTrainer: (graph) => openWasmTrainer(graph, { threads: 1 }),
    pictures,
    imgsz: 64,
    limit: { steps: 3 },
    labels: true,
    ...own,
  });
  it("learns something else than without, and its state is that of another run", async () => {
    let state = new Uint8Array(0);
    const onState = async (bytes: () => Uint8Array): Promise<void> => {
      state = Uint8Array.from(bytes());
    };
    const own = await recover(teacher, student, options({ onState }));
    const without = await recover(teacher, student, options({ labels: false }));
    expect(own.curve[1].loss).toBeGreaterThan(without.curve[1].loss + 0.01);
    expect(own.curve[1].distance).not.toBe(without.curve[1].distance);
    const unlabelled = pictures.map(({ truth: _, ...picture }) => picture);
    const same = await recover(teacher, student, options({ labels: false, pictures: unlabelled }));
    expect(same.curve).toEqual(without.curve);
    await expect(recover(teacher, student, options({ labels: false, saved: state }))).rejects.toThrow(/another run/);
    const moved = pictures.map((picture) => ({
      ...picture,
      truth: { ...truth, boxes: Float32Array.of(0.4, 0.5, 0.4, 0.5) },
    }));
    await expect(recover(teacher, student, options({ pictures: moved, saved: state }))).rejects.toThrow(/another run/);
  });

  it.skipIf(!gpu)("goes through the gradients of WebGPU too", async () => {
    const device = await openBackend(gpu as GPU);
    const own = await recover(teacher, student, options());
    const open: RecoverOptions["openTrainer"] = (graph) => openTrainer("webgpu", graph);
    const other = await recover(teacher, student, options({ backend: device, openTrainer: open }));
    for (const what of ["loss", "distance"] as const) {
      expect(Math.abs(other.curve[1][what] / own.curve[1][what] - 1)).toBeLessThan(1e-3);
    }
    expect(Math.abs(own.curve[1].distance / own.curve[0].distance - 1)).toBeGreaterThan(1e-2);
    device.dispose();
  });

  it("refuses heads without anchors, and labels that it cannot learn from", () => {
    const attrs = { strides: [8], bins: [0, 1], classes: 3, extras: 0, keypointSize: 0, corners: false };
    const free: Head = { type: "detectAnchorFree", name: "head", inputs: [], outputs: [], attrs };
    expect(() => assertLearnable(free, pictures)).toThrow(/labels are used with heads that have anchors/);
    const other = { truth: { ...truth, classes: Int32Array.of(3) } };
    expect(() => assertLearnable(headOf(3), [other])).toThrow(/a label is of class 3, but the network has 3 classes/);
    expect(() => assertLearnable(headOf(3), [{}])).toThrow(/have no labels; train without labels/);
  });
});
