/** Training on WebGPU: gradients of every op against PyTorch, ten steps of a network against PyTorch and WASM, recomputation. */

import { afterAll, describe, expect, it } from "vitest";
import { DisposedError, LimitError } from "../../../../src/errors.js";
import { openWasmTrainer } from "../../../../src/node/trainers.js";
import { type TrainingGraph, trainingBytes } from "../../../../src/ops/gradients/index.js";
import type { Trainer, TrainingOptions } from "../../../../src/runtime/trainer.js";
import { createWebGpuTrainer } from "../../../../src/runtime/webgpu/train/trainer.js";
import { tensor } from "../../../../src/tensor/index.js";
import { relativeError } from "../../../ops/gradients/fixture.js";
import { webgpuOrSkip } from "../../../support/webgpu.js";
import {
  cases,
  chainTraining,
  expectGradients,
  expectTen,
  smallTraining,
  steps,
  trainingOf,
  trainTen,
} from "../../training.js";

const gpu = await webgpuOrSkip();

const open: Trainer[] = [];
afterAll(() => {
  for (const trainer of open) trainer.dispose();
});

async function trainerOf(
  graph: TrainingGraph,
  options: TrainingOptions & { readonly convKernel?: string } = {},
): Promise<Trainer> {
  const trainer = await createWebGpuTrainer(graph, { gpu: gpu as GPU, ...options });
  open.push(trainer);
  return trainer;
}

describe.skipIf(!gpu)("gradients on WebGPU equal PyTorch's", () => {
  it.each(cases.map((c) => [`${c.op}: ${c.name}`, c] as const))("%s", async (_, c) => {
    const made = trainingOf(c);
    const trainer = await trainerOf(made.training, { extra: made.extra });
    await expectGradients(c, made, trainer, 1e-5);
  });
});

describe.skipIf(!gpu)("a small network on WebGPU", () => {
  it("has the same weights as in PyTorch, and as on WASM, after ten steps", async () => {
    const trainer = await trainerOf(smallTraining());
    expectTen(trainer, await trainTen(trainer));
    const wasm = await openWasmTrainer(smallTraining(), { threads: 1 });
    await trainTen(wasm);
    for (const [i, { name, shape, data }] of trainer.parameters.entries()) {
      const other = tensor("float32", shape, wasm.parameters[i].data);
      expect(relativeError(tensor("float32", shape, data), other), name).toBeLessThanOrEqual(1e-4);
    }
    wasm.dispose();
  });

  it("gives the same bits each time", async () => {
    const one = await trainerOf(smallTraining());
    await trainTen(one);
    const other = await trainerOf(smallTraining());
    await trainTen(other);
    for (const [i, { data }] of other.parameters.entries()) expect(data).toEqual(one.parameters[i].data);
  });

  it("does the same with a kernel for convolutions that a GPU would use", async () => {
    const trainer = await trainerOf(smallTraining(), { convKernel: "conv2d_tiled 16x16/8" });
    expectTen(trainer, await trainTen(trainer));
  });

  it("computes values again where memory is limited, to the same bits", async () => {
    const graph = chainTraining();
    const size = graph.values[graph.inputs[0]].shape.reduce((a, b) => a * b);
    const picture = Float32Array.from({ length: size }, (_, i) => Math.cos(3 * i));
    const all = trainingBytes(graph);
    const found = [];
    for (const bytes of [undefined, 0.75 * all]) {
      const trainer = await trainerOf(graph, { bytes });
      const results = await trainer.forward([picture]);
      found.push({ gradients: await trainer.backward(results), bytes: trainer.bytes });
    }
    expect(found[1].gradients).toEqual(found[0].gradients);
    expect(found[1].bytes).toBeLessThan(found[0].bytes);
    expect(found[0].gradients.every((gradient) => gradient.some((value) => value !== 0))).toBe(true);
    await expect(trainerOf(graph, { bytes: 1000 })).rejects.toThrow(LimitError);
  });

  it("says that training ends where the device is lost", async () => {
    let device: GPUDevice | undefined;
    const watched = {
      requestAdapter: async (options?: GPURequestAdapterOptions) => {
        const adapter = await (gpu as GPU).requestAdapter(options);
        const { requestDevice } = adapter as GPUAdapter;
        const request = async (descriptor?: GPUDeviceDescriptor): Promise<GPUDevice> => {
          device = await requestDevice.call(adapter, descriptor);
          return device;
        };
        return Object.assign(adapter as GPUAdapter, { requestDevice: request });
      },
    };
    const trainer = await createWebGpuTrainer(smallTraining(), { gpu: watched });
    device?.destroy();
    const input = new Float32Array(steps.input.shape.reduce((a, b) => a * b));
    for (let call = 0; call < 2; call++) {
      await expect(trainer.forward([input])).rejects.toThrow(/lost while training; start again/);
    }
    trainer.dispose();
  });

  it("says what memory it takes, and does nothing once it is disposed of", async () => {
    const trainer = await createWebGpuTrainer(smallTraining(), { gpu: gpu as GPU });
    const weights = trainer.parameters.reduce((sum, { data }) => sum + data.byteLength, 0);
    expect(trainer.bytes).toBeGreaterThan(weights);
    trainer.dispose();
    trainer.dispose();
    await expect(trainer.forward([new Float32Array(steps.input.shape.reduce((a, b) => a * b))])).rejects.toThrow(
      DisposedError,
    );
    await expect(trainer.update()).rejects.toThrow(DisposedError);
  });
});
