/** The released architectures, and the descriptions in real checkpoints. */

import { readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, it } from "vitest";
import { OptionError } from "../../../src/errors.js";
import { collectStateDict, countParameters } from "../../../src/weights/index.js";
import { architecture, architectureNames } from "../../../src/yolov5/config/architectures.js";
import { parseModelConfig } from "../../../src/yolov5/config/modelConfig.js";
import { stateDictSource } from "../../../src/yolov5/config/sources.js";
import { synthesizeModule } from "../../../src/yolov5/config/synthesize.js";
import { buildGraph } from "../../../src/yolov5/graph/buildGraph.js";
import { randomModel } from "../../../src/yolov5/loadModel.js";
import { REFERENCE, referencePath } from "../../support/reference.js";
import { existing, fixturePath, mapModules, openFile, without, zeroSource } from "../trees.js";
import { convolutions, describeGraph, headStrides, shapesOf } from "./support.js";

describe("the released architectures", () => {
  // Parameters before and after folding, GFLOPs at 640 px: the README of v7.0 and the summaries of its logs.
  it.each([
    ["yolov5n", 1_872_157, 1_867_405, 4.5],
    ["yolov5s", 7_235_389, 7_225_885, 16.5],
    ["yolov5m", 21_190_557, 21_172_173, 49.0],
    ["yolov5l", 46_563_709, 46_533_693, 109.1],
    ["yolov5x", 86_749_405, 86_705_005, 205.7],
  ])("%s has the published parameters and GFLOPs", (name, unfused, fused, operations) => {
    const module = synthesizeModule(architecture(name), zeroSource, { strides: [8, 16, 32] });
    expect(countParameters(module)).toBe(unfused);
    const { graph, head } = buildGraph(module, [1, 3, 640, 640]);
    const { parameters, gflops } = convolutions(graph);
    expect(parameters).toBe(fused);
    expect(Math.abs(gflops / operations - 1)).toBeLessThan(0.02);
    expect(head.strides).toEqual([8, 16, 32]);
    expect(graph.values[graph.outputs[0]].shape).toEqual([1, 25_200, 85]);
  });

  it.each([
    ["yolov5n6", 3.2],
    ["yolov5s6", 12.6],
    ["yolov5m6", 35.7],
    ["yolov5l6", 76.8],
    ["yolov5x6", 140.7],
    ["yolov5n-seg", 2.0],
    ["yolov5s-seg", 7.6],
    ["yolov5m-seg", 22.0],
  ])("%s has %d million parameters", (name, millions) => {
    const strides = name.endsWith("6") ? [8, 16, 32, 64] : [8, 16, 32];
    const module = synthesizeModule(architecture(name), zeroSource, { strides });
    // The README rounds some of them before folding, some after.
    expect(Math.abs(countParameters(module) / 1e6 - millions)).toBeLessThan(0.1);
  });

  it.each([
    ["yolov5n-cls", 2_489_464],
    ["yolov5s-cls", 5_447_688],
    ["yolov5m-cls", 12_947_192],
  ])("%s has the published parameters", (name, fused) => {
    const module = synthesizeModule(architecture(name), zeroSource);
    expect(convolutions(buildGraph(module, [1, 3, 224, 224]).graph).parameters).toBe(fused);
  });

  it("are all built by name, with strides that match their anchors", () => {
    expect(architectureNames()).toHaveLength(75);
    const strides = (name: string): readonly number[] => {
      const { module } = randomModel(name, 0);
      const measured = without(module, "stride");
      const plain = mapModules(measured, (m) =>
        m.type === "Detect" || m.type === "Segment" ? without(m, "stride") : m,
      );
      return buildGraph(plain, [1, 3, 128, 128]).head.strides;
    };
    expect(strides("yolov5n")).toEqual([8, 16, 32]);
    expect(strides("yolov5n6")).toEqual([8, 16, 32, 64]);
    expect(strides("yolov5n-seg")).toEqual([8, 16, 32]);
    expect(strides("yolov5n-cls")).toEqual([]);
    const { head } = buildGraph(randomModel("yolov5n6").module, [1, 3, 128, 128]);
    expect(head.anchors[3]).toEqual([436, 615, 739, 380, 925, 792]);
  });

  it("are listed if another name is given", () => {
    for (const name of [
      "yolov5",
      "yolov8",
      "yolov5n7",
      "yolov5n6-seg",
      "yolov5nu-seg",
      "yolo26n-seg",
      "yolov11n",
      "",
    ]) {
      expect(() => architecture(name)).toThrow(OptionError);
    }
    expect(() => architecture("yolov9")).toThrow(
      "random:yolov9 is not an architecture; choose one of yolov5n, yolov5n6",
    );
  });

  it("have random weights that depend only on the seed", () => {
    const first = (seed: number): readonly number[] => {
      const dict = collectStateDict(randomModel("yolov5n", seed).module);
      return [...(dict.get("model.0.conv.weight")?.data.slice(0, 5) ?? [])].map(Number);
    };
    expect(first(3)).toEqual(first(3));
    expect(first(3)).not.toEqual(first(4));
  });
});

type Description = ReturnType<typeof describeGraph>;

const withoutActivations = (graph: Description): Description =>
  graph.map((node) => (node.type === "activation" ? { ...node, attrs: {} } : node)) as Description;

/** Whether a file's modules have the one activation that its description tells: older versions had others. */
function activationsTold(told: string | undefined, graph: Description): boolean {
  const kinds = new Set(
    graph.flatMap(({ attrs }) => ("activation" in attrs ? [JSON.stringify(attrs.activation)] : [])),
  );
  kinds.delete('{"kind":"identity"}');
  return kinds.size === 1 && (told !== undefined || kinds.has('{"kind":"silu"}'));
}

describe("descriptions in checkpoints", () => {
  const zoo = referencePath("weights", "zoo");
  const paths = existing([
    ...["v6", "seg", "csp", "assorted"].map((name) => fixturePath(`${name}.pt`)),
    ...(zoo ? readdirSync(zoo).map((file) => join(zoo, file)) : []),
    ...["yolov5n", "yolov5n-7", "food"].map((name) => join(REFERENCE, "weights", `${name}.pt`)),
  ]);
  const described = paths
    .map((path) => [basename(path), openFile(path)] as const)
    .filter(([, { module }]) => module.attributes.get("yaml") instanceof Map);

  it.each(described)("%s: random weights get the shapes of the real ones", (_, { module }) => {
    const config = parseModelConfig(module.attributes.get("yaml"));
    const made = synthesizeModule(config, zeroSource, { strides: headStrides(module) });
    expect(shapesOf(collectStateDict(made))).toEqual(shapesOf(collectStateDict(module)));
  });

  it.each(described)("%s: description and state dict give the same graph as the pickled modules", (_, { module }) => {
    const config = parseModelConfig(module.attributes.get("yaml"));
    const made = synthesizeModule(config, stateDictSource(collectStateDict(module)));
    const [actual, expected] = [made, module].map((root) => describeGraph(buildGraph(root, [1, 3, 128, 128]).graph));
    if (activationsTold(config.activation, expected)) expect(actual).toEqual(expected);
    else expect(withoutActivations(actual)).toEqual(withoutActivations(expected));
  });

  it("some exist, and several of them specify an activation", () => {
    const told = described.filter(([, { module }]) => {
      const graph = describeGraph(buildGraph(module, [1, 3, 128, 128]).graph);
      return activationsTold(parseModelConfig(module.attributes.get("yaml")).activation, graph);
    });
    expect(described.length).toBeGreaterThanOrEqual(4);
    expect(told.length).toBeGreaterThanOrEqual(2);
  });
});
