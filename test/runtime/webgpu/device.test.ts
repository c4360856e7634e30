/** The WebGPU device: minimal features, limits, loss. */

import { describe, expect, it } from "vitest";
import { DeviceError, DeviceLostError, DisposedError } from "../../../src/errors.js";
import type { Graph } from "../../../src/ops/index.js";
import { createCpuBackend } from "../../../src/runtime/cpu/backend.js";
import { createWebGpuBackend } from "../../../src/runtime/webgpu/index.js";
import { compare, type HostTensor } from "../../../src/tensor/index.js";
import { Blocks, tinyNetwork } from "../../support/blocks.js";
import { randomTensor } from "../../support/random.js";
import { openBackend, webgpuOrSkip } from "../../support/webgpu.js";

const gpu = await webgpuOrSkip();

async function onCpu(graph: Graph, inputs: readonly HostTensor[], names: readonly string[]) {
  const executable = await createCpuBackend().compile(graph);
  return { outputs: await executable.run(inputs), taps: await executable.tap(names, inputs) };
}

describe.skipIf(!gpu)("webgpu device", () => {
  it("works without optional features and with minimum limits", async () => {
    if (!gpu) return;
    const backend = await openBackend(gpu, { minimal: true });
    expect(backend.device.limits.maxComputeInvocationsPerWorkgroup).toBe(256);
    const graph = tinyNetwork(12, 28);
    const inputs = [randomTensor([1, 3, 28, 28], 7)];
    const expected = await onCpu(graph, inputs, []);
    const executable = await backend.compile(graph);
    const outputs = await executable.run(inputs);
    expect(compare(outputs[0], expected.outputs[0]).nmse).toBeLessThanOrEqual(1e-10);
    // Without timestamp queries every dispatch is waited for.
    expect((await executable.profile(inputs)).length).toBeGreaterThan(10);
    backend.dispose();
  });

  it("names the limit that a tensor exceeds", async () => {
    if (!gpu) return;
    const backend = await openBackend(gpu, { minimal: true });
    const b = new Blocks();
    // 64 channels × 1024 × 1024 × 4 bytes = 256 MiB; WebGPU guarantees 128 MiB a binding.
    const graph = b.finish([b.conv("wide", b.input([1, 1, 1024, 1024]), 64)]);
    await expect(backend.compile(graph)).rejects.toThrow(/wide .*268435456 bytes.*134217728/);
    await expect(backend.compile(graph)).rejects.toBeInstanceOf(DeviceError);
    backend.dispose();
  });

  it.each([0, 2])("settles all runs when the device is destroyed after %i ms, and opens another", async (delay) => {
    if (!gpu) return;
    const backend = await openBackend(gpu);
    const executable = await backend.compile(tinyNetwork(16, 64));
    const inputs = [randomTensor([1, 3, 64, 64], 1)];
    const [expected] = await executable.run(inputs);
    const calls = [1, 2, 3, 4].map(() => executable.run(inputs));
    const outcomes = calls.map((call) =>
      call.then(
        ([output]) => compare(output, expected).maxAbs,
        (error: unknown) => error,
      ),
    );
    const lost = backend.device;
    if (delay > 0) await new Promise((resolve) => setTimeout(resolve, delay));
    lost.destroy();
    // Those that were on their way are lost with it, those that waited run on the next one.
    for (const settled of await Promise.all(outcomes)) {
      if (settled !== 0) expect(settled).toBeInstanceOf(DeviceLostError);
    }
    await lost.lost;
    const [again] = await executable.run(inputs);
    expect(compare(again, expected).maxAbs).toBe(0);
    expect(backend.device).not.toBe(lost);
    const other = await backend.compile(tinyNetwork(16, 32));
    expect(await other.run([randomTensor([1, 3, 32, 32], 1)])).toHaveLength(2);
    executable.dispose();
    backend.dispose();
    await expect(backend.compile(tinyNetwork(16, 64))).rejects.toBeInstanceOf(DisposedError);
  });

  it("refuses a GPU without an adapter, with the fix", async () => {
    const none = { requestAdapter: async () => null } as unknown as GPU;
    await expect(createWebGpuBackend({ gpu: none })).rejects.toThrow(/no adapter.*--backend wasm/);
    await expect(createWebGpuBackend({ gpu: none })).rejects.toBeInstanceOf(DeviceError);
  });
});
