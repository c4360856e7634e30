/** Which convolutions can be replaced by two, and the tree with the two in their place. */

import { type NodeOf, nodeFlops } from "../../ops/index.js";
import { elementCount, type HostTensor, toFloat32 } from "../../tensor/index.js";
import type { ModuleNode, PlainValue } from "../../weights/types.js";
import type { HeadMaps } from "../headMaps.js";
import {
  changeTree,
  isAsStored,
  moduleOfPath,
  storedLike,
  tensorOfPath,
  withoutDescription,
} from "../prune/moduleTensors.js";

/** A convolution that can be replaced. */
export interface Factorable {
  readonly node: NodeOf<"conv2d">;
  /** Position in the graph. */
  readonly index: number;
  readonly module: ModuleNode;
  /** [O, C, kh, kw], float32. */
  readonly weight: HostTensor<"float32">;
  readonly outputs: number;
  /** C·kh·kw: products for each output. */
  readonly fanIn: number;
  /** Pixels of its output. */
  readonly pixels: number;
  readonly flops: number;
}

/** Children of a block that applies its convolution as it is. */
const BLOCK_PARTS: ReadonlySet<string> = new Set(["conv", "bn", "act"]);

/** The two convolutions: the window into `rank` channels, then those into all outputs. */
export interface Factors {
  readonly rank: number;
  /** [rank, C, kh, kw]. */
  readonly first: Float32Array;
  /** [O, rank, 1, 1]. */
  readonly second: Float32Array;
  /** Of the second, [O]. */
  readonly bias: Float32Array;
}

/**
 * Convolutions of blocks (`conv` beside `bn` and `act`) and the last ones of heads with anchors, over all channels. Other heads'
 * stay, because their weights say what they find, and those of attention, whose rows are used in another order.
 * @param maps of the tree.
 */
export function factorableLayers(root: ModuleNode, { graph, head }: HeadMaps): Factorable[] {
  const inBlock = (path: string): boolean => {
    const block = moduleOfPath(root, path.slice(0, path.lastIndexOf(".")));
    const parts = [...(block?.children.keys() ?? [])];
    return /(?<!\.qkv)\.conv$/.test(path) && parts.length > 1 && parts.every((part) => BLOCK_PARTS.has(part));
  };
  return [...graph.nodes.entries()].flatMap(([index, node]) => {
    if (node.type !== "conv2d" || node.attrs.groups !== 1) return [];
    const ofHead = head.type === "detect" && head.inputs.includes(node.outputs[0]);
    if (!ofHead && !inBlock(node.name)) return [];
    const module = moduleOfPath(root, node.name);
    const used = graph.constants.get(node.inputs[1]);
    const stored = tensorOfPath(root, `${node.name}.weight`);
    if (module?.type !== "Conv2d" || !used || !stored || !isAsStored(used, stored)) return [];
    const weight = toFloat32(used);
    const [outputs, ...window] = weight.shape;
    const [, , h, w] = graph.values[node.outputs[0]].shape;
    const fanIn = elementCount(window);
    return [{ node, index, module, weight, outputs, fanIn, pixels: h * w, flops: nodeFlops(graph, node) }];
  });
}

/** The tree with pairs of convolutions, each pair a `Sequential` with the name of the one that it replaces. */
export function withFactors(root: ModuleNode, factors: ReadonlyMap<Factorable, Factors>): ModuleNode {
  const modules = new Map([...factors].map(([layer, own]) => [layer.module, pairOf(layer, own)]));
  return withoutDescription(changeTree(root, { modules }));
}

function pairOf({ module, weight, outputs }: Factorable, { rank, first, second, bias }: Factors): ModuleNode {
  const [, channels, kh, kw] = weight.shape;
  const like = module.parameters.get("weight") ?? weight;
  const window: ModuleNode = {
    ...module,
    attributes: new Map([...module.attributes, ["in_channels", channels], ["out_channels", rank]]),
    parameters: new Map([["weight", storedLike(like, [rank, channels, kh, kw], first)]]),
  };
  const attributes: Readonly<Record<string, PlainValue>> = {
    in_channels: rank,
    out_channels: outputs,
    kernel_size: [1, 1],
    stride: [1, 1],
    padding: [0, 0],
    dilation: [1, 1],
    groups: 1,
    padding_mode: "zeros",
  };
  const pixel: ModuleNode = {
    ...module,
    attributes: new Map(Object.entries(attributes)),
    parameters: new Map([
      ["weight", storedLike(like, [outputs, rank, 1, 1], second)],
      ["bias", storedLike(like, [outputs], bias)],
    ]),
  };
  return {
    kind: "module",
    type: "Sequential",
    className: "torch.nn.modules.container.Sequential",
    attributes: new Map(),
    parameters: new Map(),
    buffers: new Map(),
    children: new Map([
      ["0", window],
      ["1", pixel],
    ]),
  };
}
