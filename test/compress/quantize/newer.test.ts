/** int8 of networks without anchors: which convolutions, and that the file gives what the float network gives. */

import { readFileSync } from "node:fs";
import { afterAll, describe, expect, it } from "vitest";
import { calibrate, planQuantization, quantizeModule } from "../../../src/compress/quantize/index.js";
import { openWasm } from "../../../src/node/wasm.js";
import type { Backend, ComputeDType } from "../../../src/runtime/backend.js";
import { createCpuBackend } from "../../../src/runtime/cpu/backend.js";
import { compare, type HostTensor } from "../../../src/tensor/index.js";
import { exportSafetensors } from "../../../src/yolov5/checkpoint/exportSafetensors.js";
import { createMember, type OpenedModel, openModel, randomModel } from "../../../src/yolov5/loadModel.js";
import { referencePath } from "../../support/reference.js";
import { noise } from "../support.js";

const SIDE = 64;
const wasm = await openWasm({ threads: 1 });
afterAll(() => wasm.dispose());

/** The small networks of the reference material, without it larger ones with random weights. */
const NETWORKS = [
  ["v8-seg", "yolov8n-seg"],
  ["11", "yolo11n"],
  ["26", "yolo26n"],
] as const;

describe.each(NETWORKS)("%s", (name, released) => {
  it("gives nearly the same in int8 as in float32", async () => {
    const path = referencePath("weights", "anchor-free", `${name}.pt`);
    const original = path ? openModel(readFileSync(path), { path }) : randomModel(released, 3);
    const { network, info } = createMember(original, wasm, { path: name });
    const plan = planQuantization(network.module, network.build([1, 3, SIDE, SIDE]).graph);
    const quantized = [...plan.convolutions.keys()];
    // What boxes and classes come from stays, and what the graph has in another order than the file.
    expect(quantized.filter((layer) => /\.(one2one_)?cv[234]\.\d\.2$|\.qkv\.conv$/.test(layer))).toEqual([]);
    expect(quantized.length).toBeGreaterThan(20);
    const pictures = [noise(SIDE, SIDE, 1), noise(SIDE, SIDE, 2), noise(SIDE, SIDE, 4)];
    const calibration = await calibrate(wasm, plan, pictures, { method: "minmax" });
    const module = quantizeModule(network.module, plan, calibration);
    const bytes = exportSafetensors({ module, checkpoint: original.checkpoint }, info);
    const opened = openModel(bytes, { path: "int8" });
    const input = noise(SIDE, SIDE, 3);
    // An end-to-end head returns boxes in an order of its own, so layers are compared: one of the first, and what the head reads.
    const layers = ["model.4", `model.${info.layers - 2}`];
    const valuesOf = async (opened: OpenedModel, backend: Backend, dtype: ComputeDType): Promise<HostTensor[]> => {
      const { network: own } = createMember(opened, backend, { path: name, dtype });
      const taps = await own.with([1, 3, SIDE, SIDE], (executable) => executable.tap(layers, [input]));
      return [...taps.values()];
    };
    const whole = await valuesOf(opened, wasm, "int8");
    const floats = await valuesOf(opened, createCpuBackend(), "float32");
    const before = await valuesOf(original, wasm, "float32");
    // Activations are rounded too: something differs, little. Networks of random weights amplify it from layer to layer.
    for (const [i, most] of [1e-2, 0.5].entries()) {
      expect(compare(whole[i], floats[i]).nmse).toBeGreaterThan(1e-12);
      expect(compare(whole[i], floats[i]).nmse).toBeLessThan(most);
      expect(compare(floats[i], before[i]).nmse).toBeLessThan(most / 2);
    }
  });
});
