/** A network whose numbers float16 cannot hold: it runs in float32, says so, and gives what float32 gives. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PrecisionError } from "../../src/errors.js";
import type { WebGpuBackend } from "../../src/runtime/webgpu/index.js";
import { compare, toFloat32 } from "../../src/tensor/index.js";
import type { ModuleNode } from "../../src/weights/types.js";
import { computeDTypeFor, createMember, type OpenedModel, randomModel } from "../../src/yolov5/loadModel.js";
import { randomTensor } from "../support/random.js";
import { openBackend, webgpuOrSkip } from "../support/webgpu.js";

const gpu = await webgpuOrSkip();
const INPUT = randomTensor([1, 3, 64, 64], 7);

function moduleAt(root: ModuleNode, path: string): ModuleNode {
  return path.split(".").reduce((node, name) => {
    const next = node.children.get(name);
    if (!next) throw new Error(`no module ${path}`);
    return next;
  }, root);
}

/** yolov5n with random weights, the outputs of one convolution scaled by its BatchNorm. */
function scaled(path: string, factor: number): OpenedModel {
  const opened = randomModel("yolov5n");
  const bn = moduleAt(opened.module, path);
  for (const name of ["weight", "bias"]) {
    const data = bn.parameters.get(name)?.data as Float32Array;
    for (let i = 0; i < data.length; i++) data[i] *= factor;
  }
  return opened;
}

describe.skipIf(!gpu)("float16", () => {
  let backend: WebGpuBackend;
  beforeAll(async () => {
    if (gpu) backend = await openBackend(gpu);
  });
  afterAll(() => backend?.dispose());

  async function run(opened: OpenedModel, half: boolean) {
    const notes: string[] = [];
    const onNote = (note: string) => notes.push(note);
    const dtype = computeDTypeFor(opened, backend, { half, onNote });
    const { network } = createMember(opened, backend, { path: "random", dtype, onNote });
    const [prediction] = await network.forward(INPUT);
    const again = (await network.forward(INPUT))[0];
    expect(compare(again, prediction).maxAbs).toBe(0);
    const found = { dtype: network.dtype, notes, prediction };
    network.dispose();
    return found;
  }

  it("is used on request, with results close but not equal to float32", async () => {
    const opened = randomModel("yolov5n");
    const [full, half] = [await run(opened, false), await run(opened, true)];
    expect([full.dtype, half.dtype, half.notes]).toEqual(["float32", "float16", []]);
    const { nmse } = compare(half.prediction, full.prediction);
    expect(nmse).toBeGreaterThan(1e-12);
    expect(nmse).toBeLessThan(1e-4);
  });

  it.each([
    ["outputs", "model.1.bn", 3e5, /^half: .*model\.1.*beyond 65504.*; running in float32$/],
    ["weights", "model.1.bn", 1e9, /^half: .*weight of model\.1.* float16's largest value 65504; running in float32$/],
  ])("is replaced by float32, with a note and without NaN, for %s beyond its range", async (_, path, factor, note) => {
    const opened = scaled(path, factor);
    const [full, half] = [await run(opened, false), await run(opened, true)];
    expect(half.notes).toEqual([expect.stringMatching(note)]);
    expect(half.dtype).toBe("float32");
    expect(toFloat32(half.prediction).data.every(Number.isFinite)).toBe(true);
    expect(compare(half.prediction, full.prediction).maxAbs).toBe(0);
  });

  it("names what does not fit if an executable is used directly", async () => {
    const { network } = createMember(scaled("model.1.bn", 3e5), backend, { path: "random" });
    const executable = await backend.compile(network.build([1, 3, 64, 64]).graph, { dtype: "float16" });
    await expect(executable.run([INPUT])).rejects.toThrow(PrecisionError);
    executable.dispose();
    network.dispose();
  });
});
