/** Chooses the convolutions to quantize and finds their modules in the tree. */

import { type Graph, type NodeOf, optimize, producersOf } from "../../ops/index.js";
import { sameShape } from "../../tensor/index.js";
import type { ModuleNode } from "../../weights/types.js";
import { layersOf } from "../../yolov5/graph/buildGraph.js";

export interface QuantizationPlan {
  /** The optimised graph, with BatchNorm folded, which is what gets quantized. */
  readonly graph: Graph;
  /** By module path. */
  readonly convolutions: ReadonlyMap<string, NodeOf<"conv2d">>;
  /** Paths of BatchNorm modules folded into those convolutions. */
  readonly folded: ReadonlySet<string>;
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

const HEADS: ReadonlySet<string> = new Set(["detect", "detectAnchorFree"]);

/** The attention of 11 and 26, whose first convolution the graph has in another order of channels than the file. */
const isAttention = (parts: ReadonlyMap<string, ModuleNode>): boolean => parts.has("qkv") && parts.has("pe");

/**
 * All convolutions with one group whose weights belong to a module, except those of the detection head: box and class
 * values stay float32 (and the first of an attention, see above).
 * @param built the graph as built, at any input size.
 * @param except paths of convolutions that stay float32
 */
export function planQuantization(
  root: ModuleNode,
  built: Graph,
  except: ReadonlySet<string> = new Set(),
): QuantizationPlan {
  const graph = optimize(built);
  const modules = new Map([...modulePaths(root)].map(([module, path]) => [path, module]));
  const decoded = new Set(graph.nodes.flatMap((node) => (HEADS.has(node.type) ? node.inputs : [])));
  const reordered = new Set(
    [...modules].flatMap(([path, { children }]) => (isAttention(children) ? [`${path}.qkv.conv`] : [])),
  );
  const convolutions = new Map<string, NodeOf<"conv2d">>();
  const repeated = new Set<string>();
  for (const node of graph.nodes) {
    if (node.type !== "conv2d") continue;
    if (convolutions.has(node.name)) repeated.add(node.name);
    const own = modules.get(node.name)?.parameters.get("weight");
    const used = graph.constants.get(node.inputs[1]);
    if (!own || !used || own.shape.length !== 4 || !sameShape(own.shape, used.shape)) continue;
    if (
      reordered.has(node.name) ||
      except.has(node.name) ||
      node.attrs.groups !== 1 ||
      node.outputs.some((id) => decoded.has(id))
    )
      continue;
    convolutions.set(node.name, node);
  }
  for (const name of repeated) convolutions.delete(name);

  const left = new Set(graph.nodes.map(({ name }) => name));
  const producers = producersOf(built);
  const folded = new Set<string>();
  for (const node of built.nodes) {
    if (node.type !== "batchNorm" || left.has(node.name)) continue;
    const before = built.nodes[producers.get(node.inputs[0]) ?? -1];
    if (before && convolutions.has(before.name)) folded.add(node.name);
  }
  return { graph, convolutions, folded };
}
