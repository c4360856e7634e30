/** Which convolutions suffer in int8, on one that does and one that does not, and what becomes of it. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { calibrate, planQuantization, quantizeModule } from "../../../src/compress/quantize/index.js";
import type { QuantizationPlan } from "../../../src/compress/quantize/plan.js";
import { layersThatHurt, noiseOfLayers } from "../../../src/compress/quantize/sensitivity.js";
import { openWasm } from "../../../src/node/wasm.js";
import { GraphBuilder, IDENTITY, type NodeOf } from "../../../src/ops/index.js";
import { type HostTensor, tensor } from "../../../src/tensor/index.js";
import { moduleAt } from "../../../src/weights/index.js";
import { createMember, openModel } from "../../../src/yolov5/loadModel.js";
import { noise } from "../../runtime/wasm/integers/quantizedNetworks.js";
import { randomTensor } from "../../support/random.js";
import { REPOSITORY } from "../../support/reference.js";

const backend = await openWasm({ threads: 1 });
afterAll(() => backend.dispose());

/** One whose first channel has huge weights and no signal, so that rounding leaves nothing of the others. */
function spoiled(weight: HostTensor<"float32">): HostTensor<"float32"> {
  const [outputs] = weight.shape;
  const data = weight.data.slice();
  for (let o = 0; o < outputs; o++) data[(o * data.length) / outputs] = 1e4;
  return tensor("float32", weight.shape, data);
}

function toy(): QuantizationPlan {
  const b = new GraphBuilder();
  const x = b.input("x", { shape: [1, 8, 12, 12], dtype: "float32" });
  const conv = (name: string, weight: HostTensor<"float32">) =>
    b.add("conv2d", name, [x, b.constant(`${name}.weight`, weight)], {
      stride: [1, 1],
      padding: [0, 0],
      dilation: [1, 1],
      groups: 1,
      activation: IDENTITY,
      hasBias: false,
      hasResidual: false,
    });
  const graph = b.finish([
    conv("good", randomTensor([128, 8, 1, 1], 1)),
    conv("bad", spoiled(randomTensor([2, 8, 1, 1], 2))),
  ]);
  const convolutions = new Map(graph.nodes.map((node) => [node.name, node as NodeOf<"conv2d">]));
  return { graph, convolutions, wide: new Map(), folded: new Set() };
}

function silentFirst(): HostTensor {
  const input = randomTensor([1, 8, 12, 12], 5);
  input.data.fill(0, 0, 144);
  return input;
}

describe("noiseOfLayers", () => {
  it("finds a convolution that int8 ruins, which then stays float32", async () => {
    const plan = toy();
    const inputs = [silentFirst()];
    const calibration = await calibrate(backend, plan, inputs, { method: "minmax" });
    const found = await noiseOfLayers(backend, plan, calibration, inputs);
    expect(found.get("good")).toBeLessThan(1e-3);
    expect(found.get("bad")).toBeGreaterThan(0.5);
    expect(layersThatHurt(plan, found)).toEqual(["bad"]);
    expect(await noiseOfLayers(backend, plan, calibration, inputs)).toEqual(found);
  });

  it("stays within the budget", () => {
    const plan = toy();
    expect(
      layersThatHurt(
        plan,
        new Map([
          ["good", 0.9],
          ["bad", 0.02],
        ]),
      ),
    ).toEqual(["bad"]);
    expect(layersThatHurt(plan, new Map([["bad", 0.009]]))).toEqual([]);
  });
});

it("a convolution that stays float32 keeps its module with its BatchNorm", async () => {
  const path = join(REPOSITORY, "models", "codes.safetensors");
  const { network } = createMember(openModel(readFileSync(path), { path }), backend, { path });
  const { graph } = network.build([1, 3, 64, 64]);
  const layer = "model.6.m.0.cv1.conv";
  const plan = planQuantization(network.module, graph, { except: new Set([layer]) });
  const calibration = await calibrate(backend, plan, [noise(64, 1)], { method: "minmax" });
  const made = quantizeModule(network.module, plan, calibration);
  expect(moduleAt(made, layer)?.parameters.get("weight")?.dtype).toBe("float16");
  expect(moduleAt(made, "model.6.m.0.cv1.bn")).toBeDefined();
  expect(moduleAt(made, "model.6.m.0.cv2.conv")?.parameters.get("weight")?.dtype).toBe("int8");
});
