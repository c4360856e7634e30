/** Module classes: those of forks, by name and by structure, and unknown ones. */

import { describe, expect, it } from "vitest";
import { UnsupportedError } from "../../../src/errors.js";
import { tensor } from "../../../src/tensor/index.js";
import type { ModuleNode } from "../../../src/weights/types.js";
import { parseModelConfig } from "../../../src/yolov5/config/modelConfig.js";
import { randomSource } from "../../../src/yolov5/config/sources.js";
import { synthesizeModule } from "../../../src/yolov5/config/synthesize.js";
import { buildGraph } from "../../../src/yolov5/graph/buildGraph.js";
import { BLOCKS } from "../../../src/yolov5/graph/catalogue.js";
import { replaced, smallModel } from "../trees.js";
import { describeNodes, SHAPE, sameNodes } from "./support.js";

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
  ])("%s is recognised as %s by its structure", (path, className) => {
    sameNodes(renamed(path, className), smallModel());
  });

  it("SPP and BottleneckCSP are recognised by structure", () => {
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

  it("SCDown is a 1×1 convolution with activation and a depthwise one without, whatever its name", () => {
    const layers = (blocks: readonly unknown[]): ModuleNode => {
      const config = parseModelConfig({
        nc: 1,
        backbone: blocks,
        head: [[[blocks.length - 1], 1, "Detect", ["nc"]]],
      });
      return synthesizeModule({ ...config, inputChannels: 16 }, randomSource(1), { strides: [2] });
    };
    const whole = layers([[-1, 1, "SCDown", [32, 3, 2]]]);
    const shape = [1, 16, 8, 8] as const;
    const apart = layers([
      [-1, 1, "Conv", [32, 1, 1]],
      [-1, 1, "Conv", [32, 3, 2, null, 32, false]],
    ]);
    const geometry = (module: ModuleNode) =>
      buildGraph(module, shape)
        .graph.nodes.slice(0, 5)
        .map(({ type, attrs }) => ({ type, attrs }));
    expect(geometry(whole)).toEqual(geometry(apart));
    const renamed = replaced(whole, "model.0", (m) => ({ ...m, className: "x.Shrink", type: "Shrink" }));
    expect(geometry(renamed)).toEqual(geometry(whole));
  });

  it("a renamed GhostConv, whose parts are those of SCDown, is refused", () => {
    const config = parseModelConfig({
      nc: 1,
      backbone: [[-1, 1, "GhostConv", [32, 1, 1]]],
      head: [[[0], 1, "Detect", ["nc"]]],
    });
    const ghost = synthesizeModule({ ...config, inputChannels: 16 }, randomSource(1), { strides: [2] });
    const other = replaced(ghost, "model.0", (m) => ({ ...m, className: "x.Cheap", type: "Cheap" }));
    expect(() => buildGraph(other, [1, 16, 8, 8])).toThrow(/Cheap/);
  });

  it("an unknown class with unknown parts is refused by name, with its parts", () => {
    const unknown = renamed("model.6", "acme.layers.DynamicSnake");
    const odd = replaced(unknown, "model.6", (m) => ({
      ...m,
      parameters: new Map([["gamma", tensor("float32", [1])]]),
    }));
    expect(() => buildGraph(odd, SHAPE)).toThrow(UnsupportedError);
    expect(() => buildGraph(odd, SHAPE)).toThrow(
      "model.6: module acme.layers.DynamicSnake is not part of YOLOv5, v8, 11 or 26, and its parts (gamma) match no known module",
    );
    const prototype = renamed("model.6", "constructor");
    expect(() => buildGraph(prototype, SHAPE)).toThrow("model.6: module constructor is not part");
  });

  it("every class in the catalogue has a block", () => {
    expect(BLOCKS.size).toBeGreaterThan(35);
    for (const block of BLOCKS.values()) expect(block).toBeTypeOf("function");
  });
});
