/** Module trees → graphs: classes of forks, missing attributes, activations, heads of any size, and what is refused. */

import { describe, expect, it } from "vitest";
import { GraphError, UnsupportedError, WeightError } from "../../src/errors.js";
import { type Activation, type Graph, optimize } from "../../src/ops/index.js";
import { createCpuBackend } from "../../src/runtime/cpu/backend.js";
import { compare, type HostTensor, seededRandom, tensor } from "../../src/tensor/index.js";
import { moduleAt } from "../../src/weights/index.js";
import type { ModuleNode, PlainValue } from "../../src/weights/types.js";
import { parseModelConfig } from "../../src/yolov5/config/modelConfig.js";
import { randomSource } from "../../src/yolov5/config/sources.js";
import { synthesizeModule } from "../../src/yolov5/config/synthesize.js";
import { buildGraph, layersOf } from "../../src/yolov5/graph/buildGraph.js";
import { BLOCKS } from "../../src/yolov5/graph/catalogue.js";
import { openModel, randomModel } from "../../src/yolov5/loadModel.js";
import { Network } from "../../src/yolov5/network.js";
import { randomTensor } from "../ops/randomGraph.js";
import { mapModules, modelOf, moduleOf, replaced, smallModel, withAttributes, without } from "./trees.js";

const SHAPE = [1, 3, 64, 64] as const;

const network = (module: ModuleNode) => new Network(module, createCpuBackend());

async function predict(module: ModuleNode, shape: readonly number[] = SHAPE): Promise<HostTensor> {
  const [prediction] = await network(module).forward(randomTensor(seededRandom(5), shape, 0, 1));
  return prediction;
}

const describeNodes = (graph: Graph) => graph.nodes.map(({ type, name, attrs }) => ({ type, name, attrs }));
const sameNodes = (a: ModuleNode, b: ModuleNode): void =>
  expect(describeNodes(buildGraph(a, SHAPE).graph)).toEqual(describeNodes(buildGraph(b, SHAPE).graph));

describe("classes of forks", () => {
  const renamed = (path: string, className: string): ModuleNode =>
    replaced(smallModel(), path, (m) => ({ ...m, className, type: className.split(".").pop() ?? className }));

  it.each([
    ["model.3", "pruned_common.C3Pruned"],
    ["model.3", "my_fork.nn.modules.C3"],
    ["model.3", "acme.layers.CrossStage"],
    ["model.3.m.0", "pruned_common.BottleneckPruned"],
    ["model.8", "acme.layers.Residual"],
    ["model.0", "acme.layers.ConvBnAct"],
    ["model.5", "acme.layers.FastPyramid"],
    ["model.7", "models.common.Concat_fork"],
    ["model.9", "acme.heads.DetectionHead"],
  ])("%s as %s is what its structure says", (path, className) => {
    sameNodes(renamed(path, className), smallModel());
  });

  it("SPP and BottleneckCSP by structure", () => {
    for (const block of ["SPP", "BottleneckCSP", "GhostBottleneck", "C3TR"]) {
      const config = parseModelConfig({
        nc: 1,
        anchors: [[10, 13]],
        backbone: [[-1, 1, block, [16]]],
        head: [[[0], 1, "Detect", ["nc", "anchors"]]],
      });
      const module = synthesizeModule({ ...config, inputChannels: 16 }, randomSource(1), { strides: [1] });
      const shape = [1, 16, 8, 8] as const;
      const other = replaced(module, "model.0", (m) => ({ ...m, className: "x.Unknown", type: "Unknown" }));
      expect(describeNodes(buildGraph(other, shape).graph)).toEqual(describeNodes(buildGraph(module, shape).graph));
    }
  });

  it("a class that says and holds nothing known is refused by name, with its parts", () => {
    const unknown = renamed("model.6", "acme.layers.DynamicSnake");
    const odd = replaced(unknown, "model.6", (m) => ({
      ...m,
      parameters: new Map([["gamma", tensor("float32", [1])]]),
    }));
    expect(() => buildGraph(odd, SHAPE)).toThrow(UnsupportedError);
    expect(() => buildGraph(odd, SHAPE)).toThrow(
      "model.6: module acme.layers.DynamicSnake is none of YOLOv5, v8, 11 or 26, and its parts (gamma) match none",
    );
    const prototype = renamed("model.6", "constructor");
    expect(() => buildGraph(prototype, SHAPE)).toThrow("model.6: module constructor is not part");
  });

  it("every class in the catalogue has a block", () => {
    expect(BLOCKS.size).toBeGreaterThan(35);
    for (const block of BLOCKS.values()) expect(block).toBeTypeOf("function");
  });
});

describe("wiring", () => {
  const withFrom = (path: string, f: PlainValue): ModuleNode =>
    replaced(smallModel(), path, (m) => withAttributes(m, { f }));

  it("negative f counts backwards, absent f is the layer before", () => {
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

  it("a module with one input refuses two, a head other counts than its levels", () => {
    expect(() => buildGraph(withFrom("model.4", [-1, 2]), SHAPE)).toThrow("model.4.conv takes one input, got 2");
    expect(() => buildGraph(withFrom("model.9", [8]), SHAPE)).toThrow("model.9: 2 convolutions for 1 inputs");
    expect(() => buildGraph(withFrom("model.9", [8, 5, 3]), SHAPE)).toThrow("model.9: 2 convolutions for 3 inputs");
  });

  it("the head must be the last layer, and there must be one", () => {
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

  it("finds the layers inside AutoShape and bare Sequentials", () => {
    const model = smallModel();
    const shaped = moduleOf("models.common.AutoShape", {}, { children: { model } });
    const backend = moduleOf("models.common.DetectMultiBackend", {}, { children: { model } });
    const sequence = model.children.get("model");
    if (!sequence) throw new Error("no layers");
    for (const root of [shaped, moduleOf("models.common.AutoShape", {}, { children: { model: backend } }), sequence]) {
      sameNodes(root, model);
    }
  });

  it("shapes that do not fit name the module", () => {
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

function withAttributesAt(root: ModuleNode, path: string, values: Readonly<Record<string, PlainValue>>): ModuleNode {
  return replaced(root, path, (m) => withAttributes(m, values));
}

describe("attributes that older or newer files lack", () => {
  it("no stride anywhere: measured", () => {
    const bare = mapModules(smallModel(), (m) =>
      m.type === "Detect" || m.type === "Model" ? without(m, "stride") : m,
    );
    const { head, graph } = buildGraph(bare, SHAPE);
    expect(head.strides).toEqual([8, 16]);
    expect(head.anchors).toEqual(buildGraph(smallModel(), SHAPE).head.anchors);
    expect(graph.nodes.at(-1)?.type).toBe("detect");
  });

  it("stride on the model, or as a tensor of the head", () => {
    const bare = mapModules(smallModel(), (m) =>
      m.type === "Detect" || m.type === "Model" ? without(m, "stride") : m,
    );
    sameNodes(withAttributes(bare, { stride: [8, 16] }), smallModel());
    const stride = tensor("float32", [2], Float32Array.of(8, 16));
    sameNodes(withAttributesAt(bare, "model.9", { stride }), smallModel());
    // Zeros, as a head has them before its strides are measured, count as absent.
    sameNodes(withAttributesAt(bare, "model.9", { stride: [0, 0] }), smallModel());
  });

  it("no inplace, nc, na, names, i, eps, momentum: nothing changes", () => {
    const dropped = ["inplace", "nc", "na", "nl", "no", "names", "i", "eps", "momentum", "add_", "groups", "dilation"];
    sameNodes(
      mapModules(smallModel(), (m) => without(m, ...dropped)),
      smallModel(),
    );
  });

  it("eps is the module's; 1e-3 where it has none", () => {
    const eps = (module: ModuleNode): number[] =>
      buildGraph(module, SHAPE).graph.nodes.flatMap((n) => (n.type === "batchNorm" ? [n.attrs.eps] : []));
    expect(new Set(eps(smallModel()))).toEqual(new Set([1e-3]));
    const other = mapModules(smallModel(), (m) => (m.type === "BatchNorm2d" ? withAttributes(m, { eps: 1e-5 }) : m));
    expect(new Set(eps(other))).toEqual(new Set([1e-5]));
  });

  it("convolutions that are fused already (bias, no bn) give the same boxes", async () => {
    const source = randomised(smallModel());
    const folded = optimize(buildGraph(source, SHAPE).graph);
    const constants = new Map(
      folded.nodes.map((node) => [node.name, node.inputs.map((id) => folded.constants.get(id))]),
    );
    const fuse = (module: ModuleNode, path: string): ModuleNode => {
      const children = new Map<string, ModuleNode>();
      for (const [name, part] of module.children) {
        if (module.type === "Conv" && name === "bn") continue;
        children.set(name, fuse(part, path ? `${path}.${name}` : name));
      }
      if (module.type !== "Conv2d") return { ...module, children };
      const [, weight, bias] = constants.get(path) ?? [];
      if (!weight || !bias) throw new Error(`${path} was not folded`);
      return { ...module, parameters: new Map([...module.parameters, ["weight", weight], ["bias", bias]]) };
    };
    const fused = fuse(source, "");
    expect(moduleAt(fused, "model.3.cv1")?.children.has("bn")).toBe(false);
    expect(buildGraph(fused, SHAPE).graph.nodes.some(({ type }) => type === "batchNorm")).toBe(false);
    const [actual, expected] = [await predict(fused), await predict(source)];
    expect(compare(actual, expected).maxAbs).toBeLessThan(1e-3);
    expect(compare(actual, expected).nmse).toBeLessThan(1e-12);
  });
});

/** BatchNorm statistics that are not at rest. */
function randomised(root: ModuleNode): ModuleNode {
  const random = seededRandom(9);
  return mapModules(root, (m) => {
    if (m.type !== "BatchNorm2d") return m;
    const fresh = (t: HostTensor, low: number, high: number): HostTensor => randomTensor(random, t.shape, low, high);
    const change = (tensors: ReadonlyMap<string, HostTensor>): Map<string, HostTensor> =>
      new Map([...tensors].map(([name, t]) => [name, name === "running_var" ? fresh(t, 0.5, 2) : fresh(t, -1, 1)]));
    return { ...m, parameters: change(m.parameters), buffers: change(m.buffers) };
  });
}

describe("Detect", () => {
  it.each([1, 2, 80, 365, 1203])("%d classes", async (nc) => {
    const prediction = await predict(smallModel(nc));
    expect(prediction.shape).toEqual([1, 2 * (8 * 8 + 4 * 4), 5 + nc]);
    expect([...prediction.data].every((v) => Number.isFinite(Number(v)))).toBe(true);
    expect(buildGraph(smallModel(nc), SHAPE).head.classes).toBe(nc);
  });

  it("takes anchors from the head's buffer: twice the buffer, twice the width and height", async () => {
    const double = replaced(smallModel(), "model.9", (m) => {
      const anchors = m.buffers.get("anchors");
      if (!anchors) throw new Error("no anchors");
      const data = Float32Array.from(anchors.data as Float32Array, (v) => v * 2);
      return { ...m, buffers: new Map([["anchors", tensor("float32", anchors.shape, data)]]) };
    });
    const [plain, doubled] = [await predict(smallModel()), await predict(double)];
    const columns = plain.shape[2];
    for (let i = 0; i < plain.data.length; i++) {
      const factor = i % columns === 2 || i % columns === 3 ? 2 : 1;
      expect(Number(doubled.data[i])).toBe(Number(plain.data[i]) * factor);
    }
    expect(buildGraph(double, SHAPE).head.anchors[0]).toEqual([20, 26, 32, 60]);
  });

  it("reads float16 anchors, and ignores the anchor_grid that v5.0 files keep beside them", () => {
    const half = replaced(smallModel(), "model.9", (m) => ({
      ...m,
      // 1.25, 1.625, 2, 3.75 and 1.875, 3.8125, 3.875, 2.8125 cells
      buffers: new Map<string, HostTensor>([
        [
          "anchors",
          tensor("float16", [2, 2, 2], Uint16Array.of(0x3d00, 0x3e80, 0x4000, 0x4380, 0x3f80, 0x43a0, 0x43c0, 0x41a0)),
        ],
        ["anchor_grid", tensor("float32", [2, 1, 2, 1, 1, 2], new Float32Array(8).fill(7))],
      ]),
    }));
    expect(buildGraph(half, SHAPE).head.anchors).toEqual(buildGraph(smallModel(), SHAPE).head.anchors);
  });

  it("refuses anchors that do not fit the levels or the channels", () => {
    const anchors = (...shape: number[]): ModuleNode =>
      replaced(smallModel(), "model.9", (m) => ({ ...m, buffers: new Map([["anchors", tensor("float32", shape)]]) }));
    expect(() => buildGraph(anchors(3, 3), SHAPE)).toThrow(
      "model.9: 2 levels, 2 strides and anchors [3,3] do not match",
    );
    expect(() => buildGraph(anchors(2, 5, 2), SHAPE)).toThrow("model.9: 14 channels are not 5 anchors × (5 + classes)");
    expect(() => buildGraph(anchors(2, 7, 2), SHAPE)).toThrow("14 channels are not 7 anchors");
    const lacking = replaced(smallModel(), "model.9", (m) => ({ ...m, buffers: new Map() }));
    expect(() => buildGraph(lacking, SHAPE)).toThrow(WeightError);
    expect(() => buildGraph(lacking, SHAPE)).toThrow("model.9 has no anchors");
  });
});

describe("activations by class", () => {
  it.each<[string, Readonly<Record<string, PlainValue>>, Activation]>([
    ["torch.nn.modules.activation.SiLU", { inplace: true }, { kind: "silu" }],
    ["utils.activations.SiLU", {}, { kind: "silu" }],
    ["utils.activations.MemoryEfficientSwish", {}, { kind: "silu" }],
    ["torch.nn.modules.activation.Hardswish", {}, { kind: "hardswish" }],
    ["utils.activations.Hardswish", {}, { kind: "hardswish" }],
    ["torch.nn.modules.activation.LeakyReLU", { negative_slope: 0.1015625 }, { kind: "leakyRelu", slope: 0.1015625 }],
    ["torch.nn.modules.activation.LeakyReLU", {}, { kind: "leakyRelu", slope: 0.01 }],
    ["torch.nn.modules.activation.ReLU", {}, { kind: "relu" }],
    ["torch.nn.modules.activation.ReLU6", { min_val: 0, max_val: 6 }, { kind: "relu6" }],
    ["torch.nn.modules.activation.Mish", {}, { kind: "mish" }],
    ["utils.activations.MemoryEfficientMish", {}, { kind: "mish" }],
    ["torch.nn.modules.activation.GELU", { approximate: "none" }, { kind: "gelu" }],
    ["torch.nn.modules.activation.Sigmoid", {}, { kind: "sigmoid" }],
    ["torch.nn.modules.activation.Hardsigmoid", {}, { kind: "hardsigmoid" }],
    ["torch.nn.modules.activation.Tanh", {}, { kind: "tanh" }],
    ["torch.nn.modules.activation.ELU", { alpha: 0.5 }, { kind: "elu", alpha: 0.5 }],
    ["torch.nn.modules.activation.Softplus", { beta: 1, threshold: 20 }, { kind: "softplus" }],
  ])("%s %j", (className, attributes, activation) => {
    const model = replaced(smallModel(), "model.0.act", () => moduleOf(className, attributes));
    const node = buildGraph(model, SHAPE).graph.nodes.find(({ name }) => name === "model.0.act");
    expect(node).toMatchObject({ type: "activation", attrs: { activation } });
  });

  it("Identity and Dropout are nothing", () => {
    for (const className of ["torch.nn.modules.linear.Identity", "torch.nn.modules.dropout.Dropout"]) {
      const model = replaced(smallModel(), "model.0.act", () => moduleOf(className));
      expect(buildGraph(model, SHAPE).graph.nodes.some(({ name }) => name === "model.0.act")).toBe(false);
    }
  });

  it.each<[string, Readonly<Record<string, PlainValue>>, string]>([
    ["torch.nn.modules.activation.GELU", { approximate: "tanh" }, "GELU with the tanh approximation"],
    ["torch.nn.modules.activation.Softplus", { beta: 2 }, "Softplus with a non-default beta or threshold"],
    [
      "torch.nn.modules.activation.PReLU",
      { num_parameters: 1 },
      "module torch.nn.modules.activation.PReLU is not part",
    ],
    ["utils.activations.MetaAconC", {}, "module utils.activations.MetaAconC is not part"],
  ])("%s %j is refused", (className, attributes, message) => {
    const model = replaced(smallModel(), "model.0.act", () => moduleOf(className, attributes));
    expect(() => buildGraph(model, SHAPE)).toThrow(UnsupportedError);
    expect(() => buildGraph(model, SHAPE)).toThrow(`model.0.act: ${message}`);
  });
});

describe("layers with settings that change the numbers are refused, not run wrongly", () => {
  it.each<[string, Readonly<Record<string, PlainValue>>, string]>([
    ["model.0.conv", { padding_mode: "reflect" }, "model.0.conv: padding_mode reflect is not supported, only zeros"],
    ["model.0.conv", { padding: "same" }, 'model.0.conv: padding "same" with an even kernel 6×6'],
    ["model.0.conv", { stride: "2" }, "model.0.conv.stride must be one or two numbers, got 2"],
    ["model.6", { mode: "bilinear" }, "model.6: upsampling mode bilinear is not supported, only nearest"],
    ["model.6", { scale_factor: 1.5 }, "model.6: upsampling by 1.5×1.5 is not supported, only whole factors"],
    ["model.6", { scale_factor: null, size: 7 }, "model.6: upsampling by 1.75×1.75 is not supported"],
    ["model.3.m.0.cv2.bn", { eps: "small" }, "model.3.m.0.cv2.bn.eps must be a number"],
  ])("%s with %j", (path, attributes, message) => {
    expect(() => buildGraph(withAttributesAt(smallModel(), path, attributes), SHAPE)).toThrow(message);
  });

  it("but equal spellings are taken", () => {
    sameNodes(withAttributesAt(smallModel(), "model.6", { scale_factor: [2, 2] }), smallModel());
    sameNodes(withAttributesAt(smallModel(), "model.6", { scale_factor: null, size: [8, 8] }), smallModel());
    sameNodes(withAttributesAt(smallModel(), "model.1.conv", { padding: 1, stride: 2n }), smallModel());
    sameNodes(withAttributesAt(smallModel(), "model.3.cv1.conv", { padding: "same" }), smallModel());
    sameNodes(withAttributesAt(smallModel(), "model.3.cv1.conv", { padding: "valid" }), smallModel());
  });
});

describe("what a built graph tells", () => {
  it("a row a layer, and a tap for every module", () => {
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

  it("graphs of one model at several sizes share their weights", () => {
    const one = network(randomised(smallModel()));
    const [a, b] = [one.build([1, 3, 64, 64]).graph, one.build([2, 3, 32, 96]).graph];
    expect([...b.constants.values()]).toEqual([...a.constants.values()]);
    for (const [id, value] of a.constants) expect(b.constants.get(id)).toBe(value);
  });

  it("batches and odd rectangles are the pictures one by one", async () => {
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

  it("models whose last layers are Segment and Classify give their outputs", () => {
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

  it("the classification head of before v6.2 pools first", async () => {
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

  it("openModel names the file in what it throws", () => {
    expect(() => openModel(new Uint8Array(0), { path: "best.pt" })).toThrow(/^best\.pt: /);
  });
});
