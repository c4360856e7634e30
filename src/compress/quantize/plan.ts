/** Chooses the convolutions to quantize and finds their modules in the tree. */

import { type Graph, type NodeOf, optimize, producersOf, type ValueId } from "../../ops/index.js";
import { sameShape } from "../../tensor/index.js";
import type { ModuleNode } from "../../weights/types.js";
import { layersOf } from "../../yolov5/graph/buildGraph.js";

export interface QuantizationPlan {
  /** The optimised graph, with BatchNorm folded, which is what gets quantized. */
  readonly graph: Graph;
  /** By module path. */
  readonly convolutions: ReadonlyMap<string, NodeOf<"conv2d">>;
  /** The last ones of a detection head, with inputs in bytes and weights of up to fifteen bits. By module path too. */
  readonly wide: ReadonlyMap<string, NodeOf<"conv2d">>;
  /** Paths of BatchNorm modules folded into those convolutions. */
  readonly folded: ReadonlySet<string>;
}

export interface PlanOptions {
  /** Paths of convolutions that stay float32. */
  readonly except?: ReadonlySet<string>;
  /** Whether a head with anchors reads bytes. */
  readonly head?: boolean | undefined;
}

/** Every module below the layers by its PyTorch path, as used in the graph. */
export function modulePaths(root: ModuleNode): Map<ModuleNode, string> {
  const { layers, prefix } = layersOf(root);
  const paths = new Map<ModuleNode, string>();
  const walk = (module: ModuleNode, path: string): void => {
    paths.set(module, path);
    for (const [name, part] of module.children) walk(part, `${path}.${name}`);
  };
  for (const [index, layer] of layers.entries()) walk(layer, `${prefix}.${index}`);
  return paths;
}

/** The attention of 11 and 26, whose first convolution the graph has in another order of channels than the file. */
const isAttention = (parts: ReadonlyMap<string, ModuleNode>): boolean => parts.has("qkv") && parts.has("pe");

/**
 * All convolutions with one group whose weights belong to a module, except those of the detection head: box and class
 * values stay float32, or with anchors are wide (and the first of an attention, see above).
 * @param built the graph as built, at any input size.
 */
export function planQuantization(
  root: ModuleNode,
  built: Graph,
  { except = new Set(), head = false }: PlanOptions = {},
): QuantizationPlan {
  const graph = optimize(built);
  const modules = new Map([...modulePaths(root)].map(([module, path]) => [path, module]));
  const decodedBy = (type: string): ReadonlySet<ValueId> =>
    new Set(graph.nodes.flatMap((node) => (node.type === type ? node.inputs : [])));
  const [decoded, excluded] = [decodedBy("detect"), decodedBy("detectAnchorFree")];
  const reordered = new Set(
    [...modules].flatMap(([path, { children }]) => (isAttention(children) ? [`${path}.qkv.conv`] : [])),
  );
  const convolutions = new Map<string, NodeOf<"conv2d">>();
  const wide = new Map<string, NodeOf<"conv2d">>();
  const repeated = new Set<string>();
  for (const node of graph.nodes) {
    if (node.type !== "conv2d") continue;
    if (convolutions.has(node.name) || wide.has(node.name)) repeated.add(node.name);
    const own = modules.get(node.name)?.parameters.get("weight");
    const used = graph.constants.get(node.inputs[1]);
    if (!own || !used || own.shape.length !== 4 || !sameShape(own.shape, used.shape)) continue;
    if (
      reordered.has(node.name) ||
      except.has(node.name) ||
      node.attrs.groups !== 1 ||
      node.outputs.some((id) => excluded.has(id))
    )
      continue;
    if (!node.outputs.some((id) => decoded.has(id))) convolutions.set(node.name, node);
    else if (head && used.shape[2] === 1 && used.shape[3] === 1) wide.set(node.name, node);
  }
  for (const name of repeated) {
    convolutions.delete(name);
    wide.delete(name);
  }

  const left = new Set(graph.nodes.map(({ name }) => name));
  const producers = producersOf(built);
  const folded = new Set<string>();
  for (const node of built.nodes) {
    if (node.type !== "batchNorm" || left.has(node.name)) continue;
    const before = built.nodes[producers.get(node.inputs[0]) ?? -1];
    if (before && convolutions.has(before.name)) folded.add(node.name);
  }
  return { graph, convolutions, wide, folded };
}
