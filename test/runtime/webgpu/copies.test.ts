/** What lowering copies: nothing, in nearly every architecture. Who writes straight into concats; upsampling writes once. */

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type Graph, mergeSiblings, optimize, producersOf } from "../../../src/ops/index.js";
import { isChannelConcat } from "../../../src/runtime/channels.js";
import { CONV_KERNELS, cheapestOf } from "../../../src/runtime/webgpu/choose/convKernels.js";
import { lowerGraph } from "../../../src/runtime/webgpu/lower/lowerGraph.js";
import { placeValues } from "../../../src/runtime/webgpu/lower/placement.js";
import { type Plan, type Step, type Tensor, tensorBytes } from "../../../src/runtime/webgpu/lower/plan.js";
import type { ModuleNode } from "../../../src/weights/types.js";
import { buildGraph } from "../../../src/yolov5/graph/buildGraph.js";
import { openModel, randomModel } from "../../../src/yolov5/loadModel.js";
import { ARCHITECTURES } from "../../parity/support/architectures.js";
import { checkpointOf } from "../../parity/support/references.js";
import { referenceMissing } from "../../support/reference.js";

const choice = cheapestOf(CONV_KERNELS.values());
const REFERENCES = ARCHITECTURES.flatMap(({ references }) => references);

/** BiFPN puts the output of model.6 into two concats; it can lie in one of them only. C2PSA keeps the first half of a convolution. */
const COPIED: Readonly<Record<string, readonly string[]>> = {
  "zoo-bifpn": ["model.12"],
  "anchor-free/11": ["model.10.first"],
  "anchor-free/11-seg": ["model.10.first"],
  "anchor-free/26": ["model.10.first"],
};

const optimized = (module: ModuleNode): Graph => optimize(buildGraph(module, [1, 3, 128, 128]).graph);

function referenceGraph(name: string): Graph {
  const path = checkpointOf(name);
  return mergeSiblings(optimized(openModel(new Uint8Array(readFileSync(path)), { path }).module));
}

const lower = (graph: Graph, chainPools: boolean): Plan => lowerGraph(graph, { choice, chainPools });

const copiesOf = ({ steps }: Plan): string[] => steps.flatMap(({ isCopy, node }) => (isCopy ? [node.name] : []));

/** Ops whose outputs go into concats in place, and those whose outputs have to be copied there. */
function producerTypes(graph: Graph): { placed: string[]; copied: string[] } {
  const producers = producersOf(graph);
  const { places } = placeValues(graph);
  const placed: string[] = [];
  const copied: string[] = [];
  for (const node of graph.nodes.filter((candidate) => isChannelConcat(graph, candidate))) {
    for (const id of node.inputs) {
      const type = graph.nodes[producers.get(id) ?? -1].type;
      // Slices of merged convolutions are views of what was placed.
      if (type === "sliceChannels") continue;
      (places.get(id)?.parent === node.outputs[0] ? placed : copied).push(type);
    }
  }
  return { placed, copied };
}

const writtenBy = ({ operands }: Step): Tensor => operands[operands.length - 1] as Tensor;

const touch = (a: Tensor, b: Tensor): boolean =>
  a.storage === b.storage &&
  a.byteOffset < b.byteOffset + tensorBytes(b) &&
  b.byteOffset < a.byteOffset + tensorBytes(a);

describe("copies", () => {
  // Dispatches of the graph with its siblings apart, merged, and with SPPF's pools in one as well.
  it.each([
    ["yolov5n", [69, 61, 59]],
    ["yolov5s", [69, 61, 59]],
    ["yolov5m", [91, 83, 81]],
    ["yolov5l", [113, 105, 103]],
    ["yolov5x", [135, 127, 125]],
    ["yolov5n6", [90, 79, 77]],
    ["yolov5n-seg", [74, 66, 64]],
  ])("%s has none, in %j dispatches", (name, dispatches) => {
    const graph = optimized(randomModel(name).module);
    const merged = mergeSiblings(graph);
    const plans = [lower(graph, false), lower(merged, false), lower(merged, true)];
    expect(plans.flatMap(copiesOf)).toEqual([]);
    expect(plans.map(({ steps }) => steps.length)).toEqual(dispatches);
  });
});

describe.skipIf(referenceMissing("weights", "zoo"))("copies of the reference checkpoints", () => {
  it.each(REFERENCES)("%s", (name) => {
    const graph = referenceGraph(name);
    const expected = COPIED[name] ?? [];
    for (const chainPools of [false, true]) expect(copiesOf(lower(graph, chainPools))).toEqual(expected);
  });

  it("every kind of producer is placed", () => {
    const types = REFERENCES.map(referenceGraph).map(producerTypes);
    expect(new Set(types.flatMap(({ placed }) => placed))).toEqual(
      new Set(["conv2d", "convTranspose2d", "maxPool2d", "upsampleNearest", "add", "concat"]),
    );
    expect(types.flatMap(({ copied }) => copied)).toEqual(["conv2d"]);
  });

  it("upsampling writes straight into the concat, and nothing else writes there", () => {
    let count = 0;
    for (const name of REFERENCES) {
      const graph = referenceGraph(name);
      const { steps } = lower(graph, true);
      for (const node of graph.nodes.filter(({ type }) => type === "upsampleNearest")) {
        const reader = graph.nodes.find(({ inputs }) => inputs.includes(node.outputs[0]));
        const own = steps.filter((step) => step.node.name === node.name);
        expect(own, `${name} ${node.name}`).toHaveLength(1);
        const y = writtenBy(own[0]);
        expect(steps.filter((step) => touch(writtenBy(step), y))).toEqual(own);
        if (reader?.type !== "concat") continue;
        count++;
        // What reads the concat's output reads the very bytes that upsampling wrote.
        const behind = steps.find(
          ({ node: { name: at }, operands }) =>
            graph.nodes.some(({ name: n, inputs }) => n === at && inputs[0] === reader.outputs[0]) &&
            touch(operands[0] as Tensor, y),
        );
        expect(behind?.isCopy, `${name} ${node.name}`).toBe(false);
      }
    }
    expect(count).toBeGreaterThan(20);
  });
});
