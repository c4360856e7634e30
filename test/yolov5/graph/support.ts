/** Small module trees and the graphs built from them. */

import { expect } from "vitest";
import type { Graph } from "../../../src/ops/index.js";
import { createCpuBackend } from "../../../src/runtime/cpu/backend.js";
import { type HostTensor, seededRandom } from "../../../src/tensor/index.js";
import type { ModuleNode, PlainValue } from "../../../src/weights/types.js";
import { buildGraph } from "../../../src/yolov5/graph/buildGraph.js";
import { Network } from "../../../src/yolov5/network.js";
import { randomTensor } from "../../ops/randomGraph.js";
import { mapModules, replaced, withAttributes } from "../trees.js";

export const SHAPE = [1, 3, 64, 64] as const;

export const network = (module: ModuleNode) => new Network(module, createCpuBackend());

export async function predict(module: ModuleNode, shape: readonly number[] = SHAPE): Promise<HostTensor> {
  const [prediction] = await network(module).forward(randomTensor(seededRandom(5), shape, 0, 1));
  return prediction;
}

export const describeNodes = (graph: Graph) => graph.nodes.map(({ type, name, attrs }) => ({ type, name, attrs }));

export const sameNodes = (a: ModuleNode, b: ModuleNode): void =>
  expect(describeNodes(buildGraph(a, SHAPE).graph)).toEqual(describeNodes(buildGraph(b, SHAPE).graph));

export function withAttributesAt(
  root: ModuleNode,
  path: string,
  values: Readonly<Record<string, PlainValue>>,
): ModuleNode {
  return replaced(root, path, (m) => withAttributes(m, values));
}

/** BatchNorm statistics that are not at rest. */
export function randomised(root: ModuleNode): ModuleNode {
  const random = seededRandom(9);
  return mapModules(root, (m) => {
    if (m.type !== "BatchNorm2d") return m;
    const fresh = (t: HostTensor, low: number, high: number): HostTensor => randomTensor(random, t.shape, low, high);
    const change = (tensors: ReadonlyMap<string, HostTensor>): Map<string, HostTensor> =>
      new Map([...tensors].map(([name, t]) => [name, name === "running_var" ? fresh(t, 0.5, 2) : fresh(t, -1, 1)]));
    return { ...m, parameters: change(m.parameters), buffers: change(m.buffers) };
  });
}
