/** BatchNorm's statistics of a network that has seen nothing: what every one reads leaves it with a mean of 0 and a variance of 1. */

import { afterAll, expect, test } from "vitest";
import { channelMoments } from "../../src/compress/calibration/moments.js";
import { measureNorms } from "../../src/compress/calibration/normStatistics.js";
import { openWasm } from "../../src/node/wasm.js";
import type { Graph } from "../../src/ops/index.js";
import { buildGraph } from "../../src/yolov5/graph/buildGraph.js";
import { randomModel } from "../../src/yolov5/loadModel.js";
import { noise } from "./support.js";

const backend = await openWasm({ threads: 1 });
afterAll(() => backend.dispose());

test("every BatchNorm gives channels of mean 0 and variance 1, the last as well as the first", async () => {
  const inputs = [noise(128, 128, 1), noise(128, 128, 2)];
  const module = await measureNorms(randomModel("yolov5n").module, inputs, backend);
  const { graph } = buildGraph(module, [1, 3, 128, 128]);
  const norms = graph.nodes.filter(({ type }) => type === "batchNorm");
  expect(norms.length).toBeGreaterThan(50);
  const outputs = norms.flatMap((node) => node.outputs);
  const tapped: Graph = { ...graph, outputs, taps: new Map() };
  const executable = await backend.compile(tapped);
  const results = [];
  for (const input of inputs) results.push(await executable.run([input]));
  executable.dispose();
  for (const i of outputs.keys()) {
    const { mean, variance } = await channelMoments(results.map((maps) => maps[i]));
    expect(Math.max(...mean.map(Math.abs))).toBeLessThan(1e-3);
    expect(Math.max(...variance.map((v) => Math.abs(v - 1)))).toBeLessThan(0.02);
  }
});
