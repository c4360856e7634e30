/** Students: weights that go back into the tree, gradients on every backend that trains, and what networks can be trained. */

import { existsSync, readFileSync } from "node:fs";
import { afterAll, describe, expect, it } from "vitest";
import { studentOf } from "../../../src/compress/recover/student.js";
import { UnsupportedError } from "../../../src/errors.js";
import { openTrainer } from "../../../src/node/trainers.js";
import { openWasm } from "../../../src/node/wasm.js";
import { evaluateTraining } from "../../../src/ops/gradients/index.js";
import { compare, type HostTensor, tensor } from "../../../src/tensor/index.js";
import type { ModuleNode } from "../../../src/weights/types.js";
import { openModel, randomModel } from "../../../src/yolov5/loadModel.js";
import { relativeError } from "../../ops/gradients/fixture.js";
import { allOr } from "../../support/full.js";
import { referencePath } from "../../support/reference.js";
import { webgpuOrSkip } from "../../support/webgpu.js";
import { codes, noise, outputsOf } from "../support.js";

const gpu = await webgpuOrSkip();
const backend = await openWasm({ threads: 1 });
afterAll(() => backend.dispose());

function fileOf(...names: string[]): ModuleNode | undefined {
  const path = referencePath("weights", ...names);
  return path && existsSync(path) ? openModel(readFileSync(path), { path }).module : undefined;
}

const networks: readonly [string, () => ModuleNode | undefined][] = [
  ["codes", () => codes().module],
  ...["bifpn", "ghost", "csp", "focus-spp", "v3-spp", "leaky", "seg", "p34"].map(
    (name) => [name, () => fileOf("zoo", `${name}.pt`)] as [string, () => ModuleNode | undefined],
  ),
  ...["v5u", "v8", "v8-seg", "v8-pose"].map(
    (name) => [name, () => fileOf("anchor-free", `${name}.pt`)] as [string, () => ModuleNode | undefined],
  ),
];

describe("a student", () => {
  it.each(networks)("%s gives the same after its folded weights went back into the tree", async (_, open) => {
    const module = open();
    if (!module) return;
    const { training, withWeights } = studentOf(module, [1, 3, 64, 64]);
    const weights = training.parameters.map(({ value }): [string, Float32Array] => [
      training.values[value].name,
      training.constants.get(value)?.data as Float32Array,
    ]);
    expect(weights.length).toBeGreaterThan(20);
    const back = withWeights(new Map(weights));
    const input = noise(64, 64);
    const expected = await outputsOf(module, backend, input);
    const actual = await outputsOf(back, backend, input);
    // Files are float16: each weight is rounded once more.
    for (const [i, output] of actual.entries()) expect(compare(output, expected[i]).nmse).toBeLessThan(1e-5);
  });

  const sample = (names: readonly string[]) =>
    allOr(
      networks,
      networks.filter(([name]) => names.includes(name)),
    );
  // The fixtures of 11 and 26 have scores of attention in the hundreds, where the last bits of float32 decide what is attended to.
  const attentive: readonly (readonly [string, () => ModuleNode | undefined])[] = [
    ["transformer", () => fileOf("zoo", "transformer.pt")],
    ["yolo11n", () => randomModel("yolo11n").module],
    ["yolo26n", () => randomModel("yolo26n").module],
  ];
  it.each([
    ...[...sample(["codes", "ghost", "v8"]), ...attentive].map((network) => ["wasm", ...network] as const),
    ...(gpu ? [...sample(["codes", "v8"]), ...attentive].map((network) => ["webgpu", ...network] as const) : []),
    ...(gpu ? (["wasm", "webgpu"] as const) : (["wasm"] as const)).flatMap((on) =>
      networks
        .filter(([name]) => ["codes", "v8-seg"].includes(name))
        .map(([name, open]) => [on, `${name} with its neck`, open] as const),
    ),
  ])("on %s, %s has the reference's gradients", async (on, name, open) => {
    const module = open();
    if (!module) return;
    const { training, neck } = studentOf(module, [1, 3, 64, 64], { neck: name.includes("neck") });
    expect(neck.map((id) => training.values[id].shape[2])).toEqual(name.includes("neck") ? [8, 4, 2] : []);
    const input = noise(64, 64);
    const trainer = await openTrainer(on, training, { threads: 1 });
    const results = await trainer.forward([input.data]);
    // The gradient of half the sum of squares.
    const seeds = results.map((data) => data.slice());
    const found = (await trainer.backward(seeds)).map((data) => data.slice());
    trainer.dispose();
    const asTensors = (ids: readonly number[]): HostTensor[] =>
      ids.map((id, i) => tensor("float32", training.values[id].shape, seeds[i]));
    const values = evaluateTraining(training, [input], () => asTensors(training.results));
    for (const [i, id] of training.results.entries()) {
      const expected = values.get(id) as HostTensor;
      expect(relativeError(tensor("float32", expected.shape, seeds[i]), expected)).toBeLessThanOrEqual(1e-4);
    }
    for (const [i, { value, gradient }] of training.parameters.entries()) {
      const expected = values.get(gradient) as HostTensor;
      const own = tensor("float32", expected.shape, found[i]);
      expect(relativeError(own, expected), training.values[value].name).toBeLessThanOrEqual(1e-4);
    }
  });

  it("that gives no boxes is refused", () => {
    const module = fileOf("zoo", "cls.pt");
    if (module) expect(() => studentOf(module, [1, 3, 64, 64])).toThrow(UnsupportedError);
  });
});
