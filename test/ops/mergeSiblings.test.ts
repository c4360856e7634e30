/** The pass that makes one convolution of a C3's cv1 and cv2: where it applies, where it must not, and that numbers stay. */

import { describe, expect, it } from "vitest";
import { type Graph, mergeSiblings, optimize, type ValueId } from "../../src/ops/index.js";
import { createCpuBackend } from "../../src/runtime/cpu/backend.js";
import { compare } from "../../src/tensor/index.js";
import { buildGraph } from "../../src/yolov5/graph/buildGraph.js";
import { createWeightForms } from "../../src/yolov5/graph/context.js";
import { randomModel } from "../../src/yolov5/loadModel.js";
import { Blocks } from "../support/blocks.js";
import { randomTensor } from "../support/random.js";
import { randomGraph } from "./randomGraph.js";

const convolutions = (graph: Graph): string[] =>
  graph.nodes.flatMap(({ type, name }) => (type === "conv2d" ? [name] : []));

/** Outputs and all taps of both graphs are the same numbers. */
async function expectSame(actual: Graph, expected: Graph): Promise<void> {
  const inputs = expected.inputs.map((id, i) => randomTensor(expected.values[id].shape, 40 + i));
  const results = await Promise.all(
    [actual, expected].map(async (graph) => {
      const executable = await createCpuBackend().compile(graph);
      const taps = await executable.tap([...expected.taps.keys()], inputs);
      return [...(await executable.run(inputs)), ...taps.values()];
    }),
  );
  expect(results[0]).toHaveLength(results[1].length);
  results[1].forEach((tensor, i) => {
    expect(compare(results[0][i], tensor).maxAbs).toBe(0);
  });
}

function c3Graph(hidden: number, depth: number, shortcut: boolean, more: (b: Blocks, y: ValueId) => ValueId[]): Graph {
  const b = new Blocks();
  const y = b.c3("c3", b.input([1, 6, 5, 7]), 2 * hidden, depth, shortcut);
  return b.finish([y, ...more(b, y)]);
}

describe("mergeSiblings", () => {
  it.each([
    [8, 1, true],
    [8, 3, true],
    [4, 1, false],
    [12, 2, false],
  ])("merges cv1 and cv2 of a C3 of %i channels, depth %i, shortcut %s", async (hidden, depth, shortcut) => {
    const graph = c3Graph(hidden, depth, shortcut, () => []);
    const merged = mergeSiblings(graph);
    expect(convolutions(merged)).toContain("c3.cv1+cv2");
    expect(convolutions(merged)).toHaveLength(convolutions(graph).length - 1);
    await expectSame(merged, graph);
  });

  it("skips what would need a copy: channels that are not a multiple of four, outputs, values read later", () => {
    expect(convolutions(mergeSiblings(c3Graph(6, 1, true, () => [])))).not.toContain("c3.cv1+cv2");
    const idOf = (b: Blocks, name: string) => b.finish([]).taps.get(name) as ValueId;
    const cases: ((b: Blocks, y: ValueId) => ValueId[])[] = [
      (b) => [idOf(b, "c3.cv1")],
      (b) => [idOf(b, "c3.cv2")],
      (b) => [b.conv("late", idOf(b, "c3.cv1"), 4)],
      (b) => [b.conv("other", idOf(b, "c3.cv2"), 4)],
    ];
    for (const more of cases) expect(convolutions(mergeSiblings(c3Graph(8, 1, true, more)))).toContain("c3.cv1");
  });

  it("does not change the results of random graphs", async () => {
    for (let seed = 1; seed <= 30; seed++) {
      const graph = optimize(randomGraph(seed));
      await expectSame(mergeSiblings(graph), graph);
    }
  });

  it("merges all eight C3 of yolov5n, and shares filters between graphs of one model", () => {
    const { module } = randomModel("yolov5n");
    const folds = new WeakMap();
    const cache = new WeakMap();
    const forms = createWeightForms();
    const [small, large] = [64, 96].map((size) =>
      mergeSiblings(optimize(buildGraph(module, [1, 3, size, size], forms).graph, folds), cache),
    );
    const names = convolutions(small).filter((name) => name.includes("+"));
    expect(names).toHaveLength(8);
    const filters = ({ nodes, constants }: Graph) =>
      nodes.flatMap(({ type, name, inputs }) =>
        type === "conv2d" && names.includes(name) ? [constants.get(inputs[1])] : [],
      );
    filters(large).forEach((tensor, i) => {
      expect(tensor).toBe(filters(small)[i]);
    });
    expect(filters(large)).toHaveLength(8);
  });
});
