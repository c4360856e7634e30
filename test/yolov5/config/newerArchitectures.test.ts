/** The released architectures without anchors, and the descriptions in checkpoints of the newer package. */

import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { collectStateDict } from "../../../src/weights/index.js";
import type { ModuleNode } from "../../../src/weights/types.js";
import { architecture } from "../../../src/yolov5/config/architectures.js";
import { parseModelConfig } from "../../../src/yolov5/config/modelConfig.js";
import { stateDictSource } from "../../../src/yolov5/config/sources.js";
import { synthesizeModule } from "../../../src/yolov5/config/synthesize.js";
import { buildGraph } from "../../../src/yolov5/graph/buildGraph.js";
import { randomModel } from "../../../src/yolov5/loadModel.js";
import { REFERENCE } from "../../support/reference.js";
import { mapModules, moduleOf, openFile, zeroSource } from "../trees.js";
import { convolutions, describeGraph, headStrides, shapesOf } from "./support.js";

describe("released architectures without anchors", () => {
  // Published summaries: millions of parameters once BatchNorm is folded, and GFLOPs at 640 px.
  it.each([
    ["yolov5nu", 2.6, 7.7],
    ["yolov5su", 9.1, 24.0],
    ["yolov5mu", 25.1, 64.2],
    ["yolov5n6u", 4.3, 7.8],
    ["yolov8n", 3.2, 8.7],
    ["yolov8s", 11.2, 28.6],
    ["yolov8m", 25.9, 78.9],
    ["yolov8x", 68.2, 257.8],
    ["yolov8n-pose", 3.3, 9.2],
    ["yolo11n", 2.6, 6.5],
    ["yolo11s", 9.4, 21.5],
    ["yolo11m", 20.1, 68.0],
    ["yolo11x", 56.9, 194.9],
    ["yolo11m-pose", 20.9, 71.7],
    ["yolo26n", 2.408932, 5.4],
    ["yolo26s", 9.5, 20.7],
    ["yolo26m", 20.4, 68.2],
    ["yolo26x", 55.725948, 193.9],
  ])("%s has the published parameters and GFLOPs", (name, millions, operations) => {
    const { parameters, gflops } = convolutionsOf(name, 640);
    expect(Math.abs(parameters / 1e6 - millions)).toBeLessThan(0.1);
    expect(Math.abs(gflops / operations - 1)).toBeLessThan(0.03);
  });

  it.each([
    ["yolov8n-seg", 3.4],
    ["yolov8s-seg", 11.8],
    ["yolo11n-seg", 2.9],
    ["yolov8n-cls", 2.7],
    ["yolov8m-cls", 17.0],
    ["yolo11n-cls", 2.8],
    ["yolo11m-cls", 11.6],
  ])("%s has %d million parameters", (name, millions) => {
    expect(Math.abs(convolutionsOf(name, 128).parameters / 1e6 - millions)).toBeLessThan(0.1);
  });

  it("have heads of their own family with matching strides", () => {
    const headOf = (name: string) => buildGraph(randomModel(name).module, [1, 3, 128, 128]).head;
    expect(headOf("yolov5n6u")).toMatchObject({ family: "ultralytics", strides: [8, 16, 32, 64], endToEnd: false });
    expect(headOf("yolov8n-pose")).toMatchObject({ kind: "pose", classes: 1, keypoints: { count: 17, size: 3 } });
    expect(headOf("yolo11n-seg")).toMatchObject({ kind: "segment", maskCoefficients: 32, classes: 80 });
    expect(headOf("yolov8n-cls")).toMatchObject({ kind: "classify", family: "ultralytics", classes: 1000 });
    expect(headOf("yolo26n")).toMatchObject({ kind: "detect", endToEnd: true, strides: [8, 16, 32] });
  });
});

function convolutionsOf(name: string, size: number): ReturnType<typeof convolutions> {
  const config = architecture(name);
  const module = synthesizeModule(config, zeroSource, name.endsWith("-cls") ? {} : { strides: strideOf(name) });
  return convolutions(buildGraph(module, [1, 3, size, size]).graph);
}

const strideOf = (name: string): readonly number[] => (name.includes("6u") ? [8, 16, 32, 64] : [8, 16, 32]);

const folder = join(REFERENCE, "weights", "anchor-free");
const files = existsSync(folder) ? readdirSync(folder) : [];
if (files.length === 0) console.warn("skipped: the reference material has no checkpoints without anchors");

/** The package that wrote the files builds SPPF without the first activation; the released checkpoints have it. */
const quietPools = (root: ModuleNode): ModuleNode =>
  mapModules(root, (module) => {
    const first = module.children.get("cv1");
    if (module.type !== "SPPF" || !first) return module;
    const quiet = { ...first, children: new Map(first.children).set("act", moduleOf("torch.nn.Identity")) };
    return { ...module, children: new Map(module.children).set("cv1", quiet) };
  });

describe.each(files)("the description in %s", (file) => {
  const { module } = openFile(join(folder, file));
  const config = parseModelConfig(module.attributes.get("yaml"));

  it("random weights get the shapes of the real ones", () => {
    const strides = headStrides(module);
    const made = synthesizeModule(config, zeroSource, strides.length > 0 ? { strides } : {});
    expect(shapesOf(collectStateDict(made))).toEqual(shapesOf(collectStateDict(module)));
  });

  it("description and state dict give the same graph as the pickled modules", () => {
    const made = quietPools(synthesizeModule(config, stateDictSource(collectStateDict(module))));
    const [actual, expected] = [made, module].map((root) => describeGraph(buildGraph(root, [1, 3, 128, 128]).graph));
    expect(actual).toEqual(expected);
  });
});
