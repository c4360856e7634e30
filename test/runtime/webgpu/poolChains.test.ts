/** Three pools in one dispatch against three dispatches' worth of the reference, to the bit. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createCpuBackend } from "../../../src/runtime/cpu/backend.js";
import type { WebGpuBackend } from "../../../src/runtime/webgpu/index.js";
import { compare, floatToHalf, halfToFloat, tensor } from "../../../src/tensor/index.js";
import { Blocks } from "../../support/blocks.js";
import { randomTensor } from "../../support/random.js";
import { openBackend, webgpuOrSkip } from "../../support/webgpu.js";

const gpu = await webgpuOrSkip();

/** Pools of the input itself: nothing is rounded on the way. */
function poolGraph(shape: readonly number[], windows: readonly number[]) {
  const b = new Blocks();
  const values = [b.input(shape)];
  for (const [i, window] of windows.entries()) values.push(b.pool(`m${i}`, values[i], window));
  return b.finish([b.concat("cat", values.slice(1))]);
}

describe.skipIf(!gpu)("SPPF's pools", () => {
  let backend: WebGpuBackend;
  beforeAll(async () => {
    if (gpu) backend = await openBackend(gpu, { chainPools: true });
  });
  afterAll(() => backend?.dispose());

  async function kernelsOf(shape: readonly number[], windows: readonly number[], half = false): Promise<string[]> {
    const graph = poolGraph(shape, windows);
    const random = randomTensor(shape, 5, 100);
    const data = random.data.map((v) => halfToFloat(floatToHalf(v)));
    const inputs = [tensor("float32", shape, data)];
    const [expected] = await (await createCpuBackend().compile(graph)).run(inputs);
    const executable = await backend.compile(graph, { dtype: half ? "float16" : "float32" });
    const [actual] = await executable.run(inputs);
    expect(compare(actual, expected).maxAbs).toBe(0);
    const kernels = (await executable.profile(inputs)).flatMap(({ kernel }) => (/pool/.test(kernel) ? [kernel] : []));
    executable.dispose();
    return kernels;
  }

  it.each([
    [[1, 8, 20, 20], 5],
    [[2, 5, 7, 9], 5],
    [[1, 4, 16, 16], 5],
    [[1, 4, 33, 17], 5],
    [[3, 6, 1, 40], 5],
    [[1, 4, 21, 45], 3],
    [[1, 4, 19, 11], 7],
    [[1, 4, 19, 11], 9],
  ])("%j with window %i run as one", async (shape, window) => {
    const name = "max_pool_chain";
    expect(await kernelsOf(shape, [window, window, window])).toEqual([name]);
    if (backend.capabilities.dtypes.includes("float16"))
      expect(await kernelsOf(shape, [window, window, window], true)).toEqual([name]);
  });

  it.each([[[5, 5]], [[5, 5, 3]], [[11, 11, 11]]])("windows %j run one by one", async (windows) => {
    expect(await kernelsOf([1, 4, 13, 13], windows)).toEqual(windows.map(() => "max_pool2d"));
  });

  it("every layer is right in a network with all kernels for GPUs", async () => {
    if (!gpu) return;
    const hardware = await openBackend(gpu, { asHardware: true });
    expect([hardware.software, hardware.adapter.includes("software")]).toEqual([false, false]);
    // Few shapes: emulated adapters take seconds to compile each of these pipelines.
    const b = new Blocks();
    const graph = b.finish([b.sppf("sppf", b.conv("stem", b.input([1, 3, 32, 32]), 16, 3), 16)]);
    const inputs = [randomTensor([1, 3, 32, 32], 7)];
    const executable = await hardware.compile(graph);
    const kernels = new Set((await executable.profile(inputs)).map(({ kernel }) => kernel.split(" ")[0]));
    for (const kernel of ["conv2d_1x1", "conv2d_tiled", "max_pool_chain"]) expect(kernels).toContain(kernel);
    const [actual] = await executable.run(inputs);
    const [expected] = await (await createCpuBackend().compile(graph)).run(inputs);
    expect(compare(actual, expected).nmse).toBeLessThanOrEqual(1e-10);
    hardware.dispose();
  });

  it("every layer of a whole SPPF is right", async () => {
    const b = new Blocks();
    const graph = b.finish([b.sppf("sppf", b.input([2, 6, 20, 13]), 24)]);
    const inputs = [randomTensor([2, 6, 20, 13], 2)];
    const names = [...graph.taps.keys()];
    const expected = await (await createCpuBackend().compile(graph)).tap(names, inputs);
    const executable = await backend.compile(graph);
    expect((await executable.profile(inputs)).filter(({ kernel }) => kernel === "max_pool_chain")).toHaveLength(1);
    const actual = await executable.tap(names, inputs);
    for (const name of names) {
      const [a, e] = [actual.get(name), expected.get(name)];
      expect(a && e && compare(a, e).nmse, name).toBeLessThanOrEqual(1e-10);
    }
    executable.dispose();
  });
});
