/** How layers are wired, and what a built graph reports. */

import { describe, expect, it } from "vitest";
import { GraphError, WeightError } from "../../../src/errors.js";
import { seededRandom, tensor } from "../../../src/tensor/index.js";
import type { ModuleNode, PlainValue } from "../../../src/weights/types.js";
import { buildGraph, layersOf } from "../../../src/yolov5/graph/buildGraph.js";
import { openModel, randomModel } from "../../../src/yolov5/loadModel.js";
import { randomTensor } from "../../ops/randomGraph.js";
import { modelOf, moduleOf, replaced, smallModel, withAttributes, without } from "../trees.js";
import { network, predict, randomised, SHAPE, sameNodes, withAttributesAt } from "./support.js";

describe("wiring", () => {
  const withFrom = (path: string, f: PlainValue): ModuleNode =>
    replaced(smallModel(), path, (m) => withAttributes(m, { f }));

  it("a negative f counts backwards, and without f it is the previous layer", () => {
    sameNodes(withFrom("model.7", [6, -4]), smallModel());
    sameNodes(withFrom("model.8", -1n), smallModel());
    sameNodes(
      replaced(smallModel(), "model.4", (m) => without(m, "f", "i")),
      smallModel(),
    );
    sameNodes(withFrom("model.9", [-1, 5]), smallModel());
  });

  it.each<[string, PlainValue, string]>([
    ["model.4", 4, "model.4: reads layer 4, which does not come before it"],
    ["model.4", 7, "model.4: reads layer 7"],
    ["model.0", -2, "model.0: reads layer -2"],
    ["model.7", [-1, 1.5], "model.7: reads layer 1.5"],
    ["model.7", [-1, null], "model.7: reads layer null"],
    ["model.7", [-1, "3"], "model.7: reads layer 3"],
  ])("%s with f = %j is refused", (path, f, message) => {
    expect(() => buildGraph(withFrom(path, f), SHAPE)).toThrow(GraphError);
    expect(() => buildGraph(withFrom(path, f), SHAPE)).toThrow(message);
  });

  it("a module with one input refuses two, and a head requires one input per level", () => {
    expect(() => buildGraph(withFrom("model.4", [-1, 2]), SHAPE)).toThrow("model.4.conv takes one input, got 2");
    expect(() => buildGraph(withFrom("model.9", [8]), SHAPE)).toThrow("model.9: 2 convolutions for 1 inputs");
    expect(() => buildGraph(withFrom("model.9", [8, 5, 3]), SHAPE)).toThrow("model.9: 2 convolutions for 3 inputs");
  });

  it("a head is required, as the last layer", () => {
    const { layers } = layersOf(smallModel());
    expect(() => buildGraph(modelOf([...layers, layers[6]]), SHAPE)).toThrow(
      "model.9: the Detect head must be the last layer",
    );
    expect(() => buildGraph(modelOf(layers.slice(0, 9)), SHAPE)).toThrow(
      "does not end in a Detect, Segment or Classify head",
    );
    expect(() => buildGraph(moduleOf("torch.nn.Linear"), SHAPE)).toThrow(
      "torch.nn.Linear has no layers model.0, model.1, …; it is not a YOLOv5 model",
    );
  });

  it("layers are found inside AutoShape and bare Sequentials", () => {
    const model = smallModel();
    const shaped = moduleOf("models.common.AutoShape", {}, { children: { model } });
    const backend = moduleOf("models.common.DetectMultiBackend", {}, { children: { model } });
    const sequence = model.children.get("model");
    if (!sequence) throw new Error("no layers");
    for (const root of [shaped, moduleOf("models.common.AutoShape", {}, { children: { model: backend } }), sequence]) {
      sameNodes(root, model);
    }
  });

  it("an error for shapes that do not fit names the module", () => {
    const wrong = replaced(smallModel(), "model.4.conv", (m) => ({
      ...m,
      parameters: new Map([["weight", tensor("float32", [16, 12, 3, 3])]]),
    }));
    expect(() => buildGraph(withAttributesAt(wrong, "model.4.conv", { groups: 1 }), SHAPE)).toThrow(
      "conv2d: input channels 16 must equal weight channels 12 × groups 1 (model.4.conv)",
    );
    const missing = replaced(smallModel(), "model.3", (m) => {
      const children = new Map(m.children);
      children.delete("cv2");
      return { ...m, children };
    });
    expect(() => buildGraph(missing, SHAPE)).toThrow(WeightError);
    expect(() => buildGraph(missing, SHAPE)).toThrow("model.3 (models.common.C3) has no submodule cv2");
  });
});

describe("built graphs", () => {
  it("have a row per layer and a tap per module", () => {
    const { layers, graph } = buildGraph(smallModel(), SHAPE);
    expect(layers.map(({ index, from, type }) => ({ index, from, type }))[7]).toEqual({
      index: 7,
      from: [6, 3],
      type: "Concat",
    });
    expect(layers[3].outputShape).toEqual([1, 16, 8, 8]);
    expect(layers.at(-1)?.outputShape).toEqual([1, 160, 7]);
    for (const name of ["model.0", "model.0.conv", "model.3.m.0.cv1", "model.9", "model.9.m.1"]) {
      expect(graph.taps.has(name)).toBe(true);
    }
  });

  it("share weights between sizes of one model", () => {
    const one = network(randomised(smallModel()));
    const [a, b] = [one.build([1, 3, 64, 64]).graph, one.build([2, 3, 32, 96]).graph];
    expect([...b.constants.values()]).toEqual([...a.constants.values()]);
    for (const [id, value] of a.constants) expect(b.constants.get(id)).toBe(value);
  });

  it("give the same for batches and odd rectangles as for the pictures one by one", async () => {
    const model = network(randomised(smallModel()));
    const batch = randomTensor(seededRandom(3), [2, 3, 32, 64], 0, 1);
    const [together] = await model.forward(batch);
    for (const n of [0, 1]) {
      const single = tensor("float32", [1, 3, 32, 64], batch.data.slice(n * 6144, (n + 1) * 6144));
      const [alone] = await model.forward(single);
      const rows = alone.data.length;
      expect(together.data.slice(n * rows, (n + 1) * rows)).toEqual(alone.data);
    }
  });

  it("with Segment and Classify as the last layer give their outputs", () => {
    const segment = buildGraph(randomModel("yolov5n-seg").module, [1, 3, 64, 64]);
    expect(segment.head).toMatchObject({ kind: "segment", classes: 80, maskCoefficients: 32, outputs: 117 });
    expect(segment.graph.outputs.map((id) => segment.graph.values[id].shape)).toEqual([
      [1, 3 * (64 + 16 + 4), 117],
      [1, 32, 16, 16],
    ]);
    const classify = buildGraph(randomModel("yolov5n-cls").module, [2, 3, 64, 64]);
    expect(classify.head).toMatchObject({ kind: "classify", classes: 1000 });
    expect(classify.graph.outputs.map((id) => classify.graph.values[id].shape)).toEqual([[2, 1000]]);
  });

  it("pool first in the classification head from before v6.2", async () => {
    const conv = moduleOf(
      "torch.nn.Conv2d",
      {},
      { parameters: { weight: randomTensor(seededRandom(1), [4, 24, 1, 1]) } },
    );
    const pool = moduleOf("torch.nn.AdaptiveAvgPool2d", { output_size: 1 });
    const head = moduleOf("models.common.Classify", { f: [-1, 3] }, { children: { aap: pool, conv } });
    const { layers } = layersOf(smallModel());
    const narrow = moduleOf("models.common.Contract", { gain: 1, f: 0 });
    const root = modelOf([...layers.slice(0, 4), narrow, head]);
    const { graph, head: facts } = buildGraph(root, SHAPE);
    expect(facts).toMatchObject({ kind: "classify", classes: 4 });
    expect(graph.nodes.slice(-5).map(({ type }) => type)).toEqual([
      "globalAveragePool",
      "globalAveragePool",
      "concat",
      "conv2d",
      "flatten",
    ]);
    expect((await predict(root)).shape).toEqual([1, 4]);
  });

  it("openModel names the file in its errors", () => {
    expect(() => openModel(new Uint8Array(0), { path: "best.pt" })).toThrow(/^best\.pt: /);
  });
});
