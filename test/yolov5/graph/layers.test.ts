/** Activations and layers by class, and settings that are refused. */

import { describe, expect, it } from "vitest";
import { UnsupportedError } from "../../../src/errors.js";
import type { Activation } from "../../../src/ops/index.js";
import type { PlainValue } from "../../../src/weights/types.js";
import { buildGraph } from "../../../src/yolov5/graph/buildGraph.js";
import { moduleOf, replaced, smallModel } from "../trees.js";
import { SHAPE, sameNodes, withAttributesAt } from "./support.js";

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

  it("Identity and Dropout do nothing", () => {
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

describe("unsupported settings of layers are refused instead of giving wrong numbers", () => {
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

  it("equivalent settings are accepted", () => {
    sameNodes(withAttributesAt(smallModel(), "model.6", { scale_factor: [2, 2] }), smallModel());
    sameNodes(withAttributesAt(smallModel(), "model.6", { scale_factor: null, size: [8, 8] }), smallModel());
    sameNodes(withAttributesAt(smallModel(), "model.1.conv", { padding: 1, stride: 2n }), smallModel());
    sameNodes(withAttributesAt(smallModel(), "model.3.cv1.conv", { padding: "same" }), smallModel());
    sameNodes(withAttributesAt(smallModel(), "model.3.cv1.conv", { padding: "valid" }), smallModel());
  });
});
