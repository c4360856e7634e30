/** Model descriptions → module trees: rounding, blocks, and what is refused. */

import { describe, expect, it } from "vitest";
import { GraphError, WeightError } from "../../../src/errors.js";
import { collectStateDict } from "../../../src/weights/index.js";
import { resolveModule } from "../../../src/yolov5/checkpoint/modelInfo.js";
import { parseModelConfig } from "../../../src/yolov5/config/modelConfig.js";
import { randomSource, stateDictSource } from "../../../src/yolov5/config/sources.js";
import { makeDivisible, synthesizeModule } from "../../../src/yolov5/config/synthesize.js";
import { buildGraph } from "../../../src/yolov5/graph/buildGraph.js";
import { zeroSource } from "../trees.js";

describe("model descriptions", () => {
  const line = (module: string, ...args: unknown[]) => [-1, 1, module, args];
  const parse = (layers: readonly unknown[], more: object = {}) =>
    parseModelConfig({ nc: 2, anchors: 3, backbone: layers, head: [], ...more });
  const make = (layers: readonly unknown[], more: object = {}) => synthesizeModule(parse(layers, more), zeroSource);

  it("round channels up to 8 and repeats half to even", () => {
    expect(makeDivisible(33, 8)).toBe(40);
    expect(makeDivisible(32, 8)).toBe(32);
    const repeats = (n: number, depth: number): number => {
      const module = make([[-1, n, "C3", [16]]], { depth_multiple: depth });
      return module.children.get("model")?.children.get("0")?.children.get("m")?.children.size ?? 0;
    };
    expect(repeats(9, 0.5)).toBe(4);
    expect(repeats(3, 0.5)).toBe(2);
    expect(repeats(3, 0.1)).toBe(1);
    expect(repeats(1, 0.33)).toBe(1);
  });

  it.each(["Conv", "DWConv", "C3", "C2f", "C3k2", "C2PSA", "SCDown", "SPPF", "GhostConv", "nn.ConvTranspose2d"])(
    "refuse channels of %s that are not whole numbers from 1",
    (module) => {
      for (const channels of [-64, 0, Number.NaN, -8.5]) {
        expect(() => buildGraph(make([line(module, channels, 4)]), [1, 3, 64, 64])).toThrow(GraphError);
      }
    },
  );

  it("repeat blocks that take no repeats argument", () => {
    const names = (module: string): string[] => {
      const layer = make([[-1, 3, module, [16]]])
        .children.get("model")
        ?.children.get("0");
      return [layer?.type ?? "", ...(layer?.children.keys() ?? [])];
    };
    expect(names("Conv")).toEqual(["Sequential", "0", "1", "2"]);
    expect(names("C3SPP")).toEqual(["Sequential", "0", "1", "2"]);
    expect(names("C3TR")).toEqual(["C3TR", "cv1", "cv2", "cv3", "m"]);
  });

  it("scale channels except those of the head", () => {
    // 3 anchors × (64 + 5) = 207 stays, 64 (the class count) is scaled like any other.
    const layers = [line("Conv", 64, 3, 2), line("Conv", 207, 1, 1)];
    const dict = collectStateDict(make(layers, { nc: 64, width_multiple: 0.5 }));
    expect(dict.get("model.0.conv.weight")?.shape).toEqual([32, 3, 3, 3]);
    expect(dict.get("model.1.conv.weight")?.shape).toEqual([207, 32, 1, 1]);
  });

  it("may be maps from pickles or objects from JSON", () => {
    const map = new Map<string, unknown>([
      ["nc", 2n],
      ["backbone", [line("Conv", 8)]],
      ["head", []],
      ["anchors", [[10, 13]]],
    ]);
    expect(parseModelConfig(map)).toEqual(parse([line("Conv", 8)], { anchors: [[10, 13]] }));
    expect(parse([[-1, 1, "nn.Upsample", ["None", 2, "nearest"]]]).layers[0].module).toBe("Upsample");
  });

  it("may give v7.0's Conv a dilation", () => {
    const module = make([line("Conv", 8, 3, 1, "None", 1, 2)]);
    const { graph } = buildGraphOf(module);
    expect(graph.nodes[0]).toMatchObject({ type: "conv2d", attrs: { dilation: [2, 2], padding: [2, 2] } });
    expect(graph.values[graph.nodes[0].outputs[0]].shape).toEqual([1, 8, 32, 32]);
  });

  it("can be built into a graph for every known block", () => {
    const blocks: readonly (readonly unknown[])[] = [
      line("Focus", 16, 3),
      line("DWConv", 16, 3, 1),
      line("GhostConv", 16, 3, 2),
      line("GhostBottleneck", 16, 3, 2),
      line("GhostBottleneck", 16, 3, 1),
      line("Bottleneck", 16),
      line("CrossConv", 16, 3, 1, 1, 1, true),
      line("BottleneckCSP", 16),
      line("C3x", 16),
      line("C3TR", 16),
      line("C3SPP", 16, [3, 5]),
      line("C3Ghost", 16),
      line("SPP", 16, [3, 5]),
      line("SPPF", 16, 3),
      line("MixConv2d", 16, [1, 3, 5], 1),
      line("Contract", 2),
      line("Expand", 2),
      line("nn.ConvTranspose2d", 16, 2, 2),
      line("DWConvTranspose2d", 16, 2, 2),
      line("nn.MaxPool2d", 2, 2),
      line("nn.ZeroPad2d", [0, 1, 0, 1]),
      line("nn.Identity"),
      line("nn.BatchNorm2d"),
    ];
    const module = make(blocks);
    const types = new Set(buildGraphOf(module).graph.nodes.map(({ type }) => type));
    for (const type of [
      "conv2d",
      "convTranspose2d",
      "attention",
      "pad2d",
      "spaceToDepth",
      "depthToSpace",
      "maxPool2d",
    ]) {
      expect(types).toContain(type);
    }
    expect([...collectStateDict(module).keys()].filter((n) => n.startsWith("model.14.m."))).toEqual([
      "model.14.m.0.weight",
      "model.14.m.1.weight",
      "model.14.m.2.weight",
    ]);
  });

  it("use the given eps for BatchNorm, and the classification head's own", () => {
    const config = parse([line("Conv", 8), line("Classify", "nc")]);
    const module = synthesizeModule(config, zeroSource, { batchNormEps: 0.002 });
    const eps = (path: string): unknown => {
      let found = module;
      for (const name of path.split(".")) found = found.children.get(name) ?? found;
      return found.attributes.get("eps");
    };
    expect(eps("model.0.bn")).toBe(0.002);
    expect(eps("model.1.conv.bn")).toBe(1e-5);
  });

  it.each<[string, () => unknown, typeof GraphError | typeof WeightError, string]>([
    ["no lists", () => parseModelConfig({ nc: 1 }), GraphError, "needs the lists backbone and head"],
    ["text", () => parseModelConfig("backbone:"), GraphError, "needs the lists backbone and head"],
    ["no nc", () => parse([], { nc: null }), GraphError, "nc must be a number, got null"],
    ["a short line", () => parse([[-1, 1, "Conv"]]), GraphError, "layer 0 must be [from, repeats, module, args]"],
    [
      "anchors that are no lists",
      () => parse([], { anchors: [1, 2] }),
      GraphError,
      "anchors of level 0 must be a list",
    ],
    [
      "an unknown module",
      () => make([line("Conv", 8), line("CARAFE", 8)]),
      GraphError,
      "model.1 has the module CARAFE",
    ],
    [
      "a module of torch without a block",
      () => make([line("nn.Flatten")]),
      GraphError,
      "model.0 has the module Flatten",
    ],
    [
      "a later layer",
      () => make([[[-1, 3], 1, "Concat", [1]]]),
      GraphError,
      "model.0 reads layer 3, which does not come",
    ],
    ["an unreadable activation", () => make([], { activation: "relu" }), GraphError, "must read like nn.ReLU()"],
    ["an activation's number", () => make([], { activation: "nn.Softplus(2)" }), GraphError, "only LeakyReLU and ELU"],
    [
      "no anchors and no strides",
      () => make([line("Detect", "nc", "anchors")]),
      WeightError,
      "neither a tensor model.0.anchors",
    ],
  ])("refuses %s", (_, run, kind, message) => {
    expect(run).toThrow(kind);
    expect(run).toThrow(message);
  });

  it("name a tensor that the state dict lacks", () => {
    const config = parse([line("Conv", 8)]);
    expect(() => synthesizeModule(config, stateDictSource(new Map()))).toThrow(
      "the checkpoint has no tensor model.0.conv.weight, which its model config requires",
    );
  });

  it("with random weights give few boxes, and activations keep their scale", () => {
    const source = randomSource(1);
    const weight = source.get("model.0.conv.weight", [8, 16, 3, 3]);
    const values = Array.from(weight?.data ?? [], Number);
    const variance = values.reduce((sum, v) => sum + v * v, 0) / values.length;
    expect(variance / (2 / (16 * 9))).toBeGreaterThan(0.9);
    expect(variance / (2 / (16 * 9))).toBeLessThan(1.1);
    expect([...(source.get("model.24.m.0.bias", [3])?.data ?? [])]).toEqual([-2, -2, -2]);
  });

  it("are required for a state dict, and the error says what to do", () => {
    const checkpoint = { format: "pytorch-zip", stateDict: new Map(), extra: new Map() } as const;
    expect(() => resolveModule(checkpoint, { path: "w.pt" })).toThrow(
      /^w\.pt: is a state dict without a model description.*give the model's yaml with --cfg/,
    );
    expect(() => resolveModule(checkpoint, { path: "w.pt", config: {} })).toThrow("needs the lists backbone");
  });
});

/** The graph of layers without a head, by putting a classifier behind them. */
function buildGraphOf(module: Parameters<typeof buildGraph>[0]) {
  const sequence = module.children.get("model");
  if (!sequence) throw new Error("no layers");
  const size = sequence.children.size;
  const shape = [1, 3, 32, 32] as const;
  // Only to end in two dimensions: [N, C, H, W] → [N, C].
  const flatten = synthesizeHeadless(size);
  const children = new Map([...sequence.children, [String(size), flatten]]);
  return buildGraph({ ...module, children: new Map([["model", { ...sequence, children }]]) }, shape);
}

function synthesizeHeadless(index: number) {
  const attributes = new Map([
    ["f", -1],
    ["i", index],
  ]);
  const none = new Map();
  const linear = {
    kind: "module",
    type: "Identity",
    className: "torch.nn.Identity",
    attributes: none,
    parameters: none,
    buffers: none,
    children: none,
  } as const;
  return {
    ...linear,
    type: "Classify",
    className: "models.common.Classify",
    attributes,
    children: new Map([["linear", linear]]),
  };
}
