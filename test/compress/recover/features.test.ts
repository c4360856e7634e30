/** Features of necks: which channels are compared, the loss and its gradient, and runs that use it. */

import { afterAll, describe, expect, it } from "vitest";
import { headMaps } from "../../../src/compress/headMaps.js";
import { planPruning, pruneTo } from "../../../src/compress/prune/pruneChannels.js";
import { keptCounts, removedUnits } from "../../../src/compress/prune/select.js";
import { featureLoss, type Projection, projectionsOf } from "../../../src/compress/recover/features.js";
import { Objective } from "../../../src/compress/recover/objective.js";
import type { RecoverOptions } from "../../../src/compress/recover/options.js";
import { recover } from "../../../src/compress/recover/recover.js";
import { openWasmTrainer } from "../../../src/node/trainers.js";
import { openWasm } from "../../../src/node/wasm.js";
import type { ValueId } from "../../../src/ops/index.js";
import { seededRandom } from "../../../src/tensor/index.js";
import type { ModuleNode } from "../../../src/weights/types.js";
import { randomModel } from "../../../src/yolov5/loadModel.js";
import { codes, noise, silenced } from "../support.js";

const backend = await openWasm({ threads: 1 });
afterAll(() => backend.dispose());

const numbers = (length: number, seed: number): Float32Array => {
  const random = seededRandom(seed);
  return Float32Array.from({ length }, () => 4 * random() - 2);
};

describe("the loss", () => {
  const shapesOf = (...channels: number[]) => channels.map((c, level) => [2, c, 4 >> level, 6 >> level]);
  const cases: readonly (readonly [string, readonly number[], readonly number[], (readonly number[])[] | undefined])[] =
    [
      ["equal widths", [3, 4], [3, 4], undefined],
      ["a wider teacher", [5, 4], [3, 2], undefined],
      ["a wider student", [2, 4], [5, 7], undefined],
      [
        "channels that were kept",
        [5, 4],
        [2, 3],
        [
          [1, 4],
          [0, 2, 3],
        ],
      ],
    ];
  it.each(cases)("between %s has the gradient of finite differences", (_, wide, narrow, kept) => {
    const [taught, own] = [shapesOf(...wide), shapesOf(...narrow)];
    const projections = projectionsOf(taught, own, kept);
    const [teacher, student] = [taught, own].map((shapes, i) =>
      shapes.map((shape, level) =>
        numbers(
          shape.reduce((a, b) => a * b, 1),
          10 * i + level,
        ),
      ),
    );
    const seeds = student.map(({ length }) => new Float32Array(length).fill(1));
    const lossOf = (): number => {
      const scratch = student.map(({ length }) => new Float32Array(length));
      return featureLoss(projections, own, teacher, student, scratch, 3);
    };
    expect(featureLoss(projections, own, teacher, student, seeds, 3)).toBeGreaterThan(0.5);
    for (const [level, data] of student.entries()) {
      for (let i = 0; i < data.length; i++) {
        const was = data[i];
        const [above, below] = [1 / 64, -1 / 64].map((step) => {
          data[i] = was + step;
          return lossOf();
        });
        data[i] = was;
        expect(Math.abs((above - below) * 32 - (seeds[level][i] - 1))).toBeLessThan(1e-5);
      }
    }
  });

  it("compares channels that were kept with what they were, and equals are 0", () => {
    const [taught, own] = [shapesOf(3), shapesOf(2)];
    const teacher = numbers(72, 1);
    const student = Float32Array.from([...teacher.subarray(48, 72), ...teacher.subarray(0, 24)]);
    const maps = Float32Array.from([...teacher, ...teacher]);
    const twice = Float32Array.from([...student, ...student]);
    const loss = (kept: readonly number[]): number =>
      featureLoss(projectionsOf(taught, own, [kept]), own, [maps], [twice], [new Float32Array(96)], 1);
    expect(loss([2, 0])).toBe(0);
    expect(loss([0, 2])).toBeGreaterThan(0.5);
  });

  it("mixes channels by rows that are orthonormal, and always the same", () => {
    const rowsOf = (): readonly Float32Array[] =>
      (projectionsOf(shapesOf(9), shapesOf(5)) as readonly Projection[])[0].teacher ?? [];
    const rows = rowsOf();
    expect(rows.length).toBe(5);
    for (const [i, a] of rows.entries()) {
      for (const [j, b] of rows.entries()) {
        const dot = a.reduce((sum, v, k) => sum + v * b[k], 0);
        expect(Math.abs(dot - (i === j ? 1 : 0))).toBeLessThan(1e-6);
      }
    }
    expect(rowsOf()).toEqual(rows);
  });
});

describe("networks", () => {
  const shape = [1, 3, 64, 64] as const;
  const shapesOf = (module: ModuleNode) => {
    const { graph, neck } = headMaps(module, shape, { neck: true });
    return neck.map((id) => graph.values[id].shape.slice(1));
  };

  it.each([
    [
      "yolov5n",
      [
        [64, 8, 8],
        [128, 4, 4],
        [256, 2, 2],
      ],
    ],
    [
      "yolov5n-seg",
      [
        [64, 8, 8],
        [128, 4, 4],
        [256, 2, 2],
      ],
    ],
    [
      "yolov8n",
      [
        [64, 8, 8],
        [128, 4, 4],
        [256, 2, 2],
      ],
    ],
    [
      "yolo26n",
      [
        [64, 8, 8],
        [128, 4, 4],
        [256, 2, 2],
      ],
    ],
  ])("%s gives its head three maps", (name, shapes) => {
    expect(shapesOf(randomModel(name).module)).toEqual(shapes);
  });

  it("pruned, gives what the unpruned one gives in the channels that were kept", async () => {
    const plan = planPruning(codes().module);
    const counts = keptCounts(plan.grouping.groups, plan.scores, { amount: 0.3, scope: "global", round: 4 });
    const removed = removedUnits(plan.grouping.groups, plan.scores, counts);
    const [teacher, student] = [silenced(plan, removed), pruneTo(plan, counts).module].map((module) =>
      headMaps(module, shape, { neck: true }),
    );
    const keptOf = (value: ValueId): number[] =>
      plan.map.unitsOf(value).flatMap((unit, i) => (removed.has(unit) ? [] : [i]));
    const given = await Promise.all(
      [teacher, student].map(async ({ graph }) => {
        const executable = await backend.compile(graph);
        const outputs = (await executable.run([noise(64, 64)])).map(({ data }) =>
          Float32Array.from(data as Float32Array),
        );
        executable.dispose();
        return outputs;
      }),
    );
    const lossWith = (own: typeof keptOf | undefined): number => {
      const objective = new Objective(teacher, student, {
        features: { weight: 1, kept: own && student.neck.map(own) },
        pictures: [],
      });
      return objective.lossOf(given[0], given[1], []).loss - objective.distance(given[0], given[1]).loss;
    };
    expect(keptOf(student.neck[0]).length).toBeLessThan(teacher.graph.values[teacher.neck[0]].shape[1]);
    expect(Math.abs(lossWith(keptOf))).toBeLessThan(1e-6);
    expect(lossWith(undefined)).toBeGreaterThan(1e-3);
  });
});

describe("a run", () => {
  const teacher = codes().module;
  const pictures = Array.from({ length: 3 }, (_, i) => ({
    name: `picture ${i}`,
    width: 64,
    height: 64,
    load: async () => ({ width: 64, height: 64, data: Uint8Array.from(numbers(64 * 64 * 3, i), (v) => 64 * (v + 2)) }),
  }));
  const options = (own: Partial<RecoverOptions> = {}): RecoverOptions => ({
    backend,
    openTrainer: (graph) => openWasmTrainer(graph, { threads: 1 }),
    pictures,
    imgsz: 64,
    limit: { steps: 3 },
    features: { weight: 1 },
    ...own,
  });

  it("learns something else than without, and its state is that of another run", async () => {
    const plan = planPruning(teacher);
    const student = pruneTo(
      plan,
      keptCounts(plan.grouping.groups, plan.scores, { amount: 0.3, scope: "global", round: 4 }),
    ).module;
    let state = new Uint8Array(0);
    const onState = async (bytes: () => Uint8Array): Promise<void> => {
      state = Uint8Array.from(bytes());
    };
    const own = await recover(teacher, student, options({ onState }));
    const without = await recover(teacher, student, options({ features: undefined }));
    expect(own.curve[0]).toEqual(without.curve[0]);
    expect(own.curve[1].loss).toBeGreaterThan(without.curve[1].loss + 0.1);
    expect(own.curve[1].distance).not.toBe(without.curve[1].distance);
    expect((await recover(teacher, student, options({ saved: state }))).curve).toEqual(own.curve);
    const other = options({ features: { weight: 2 }, saved: state });
    await expect(recover(teacher, student, other)).rejects.toThrow(/another run/);
  });

  it("refuses necks that give other sizes", () => {
    expect(() => projectionsOf([[1, 8, 8, 8]], [[1, 8, 4, 4]])).toThrow(
      "recover: necks can be compared where they give maps of the same sizes (student: 4×4; teacher: 8×8); train without features",
    );
  });
});
