/** Creates module-tree nodes for the layers in YOLOv5's blocks, with attributes and tensors named as in checkpoints. */

import { GraphError, WeightError } from "../../errors.js";
import type { HostTensor } from "../../tensor/index.js";
import type { ModuleNode, PlainValue } from "../../weights/types.js";

/** Where weights come from: a state dict (shapes are then the file's own) or a seeded generator. */
export interface TensorSource {
  /** Whether the source has the tensor; a generator has those it decides to create. */
  has(name: string): boolean;
  /** The tensor; `shape` is the one required by the description. Undefined if a state dict lacks it. */
  get(name: string, shape: readonly number[]): HostTensor | undefined;
  /** The number of submodules `prefix.0`, `prefix.1`, …; undefined if the description decides. */
  count(prefix: string): number | undefined;
}

/** Blocks in a row. */
export const MAX_REPEATS = 1000;

export type Child = readonly [string, ModuleNode];

/** Packages, so that class names look as in a checkpoint; activations and everything else are below. */
const YOLO = new Set(["Detect", "Segment", "Pose", "Model"]);
const BLOCKS = new Set([
  "Conv", "Focus", "Bottleneck", "BottleneckCSP", "C3", "C3x", "C3TR", "C3SPP", "C3Ghost", "CrossConv", "GhostConv",
  "GhostBottleneck", "SPP", "SPPF", "MixConv2d", "TransformerLayer", "TransformerBlock", "DWConvTranspose2d", "Concat",
  "Contract", "Expand", "Proto", "Classify", "Sum", "C2f", "C3k2", "C3k", "C2PSA", "PSABlock", "Attention", "DFL",
  "SCDown",
]); // biome-ignore format: a table

function classPath(type: string): string {
  if (YOLO.has(type)) return `models.yolo.${type}`;
  return BLOCKS.has(type) ? `models.common.${type}` : `torch.nn.${type}`;
}

/** `nn.LeakyReLU(0.1)` → class and first argument. */
function parseActivation(text: string): { type: string; argument: number | undefined } {
  const match = /^(?:torch\.)?(?:nn\.)?(\w+)\(([^)]*)\)$/.exec(text.trim());
  if (!match) throw new GraphError(`model config: activation ${text} must read like nn.ReLU()`, { text });
  const first = /-?\d*\.?\d+(?:e-?\d+)?/.exec(match[2]);
  return { type: match[1], argument: first ? Number(first[0]) : undefined };
}

export class LayerFactory {
  protected readonly source: TensorSource;
  protected readonly act: ModuleNode;
  private readonly eps: number | undefined;

  constructor(source: TensorSource, activation: string | undefined, eps: number | undefined) {
    this.source = source;
    this.eps = eps;
    const { type, argument } = parseActivation(activation ?? "nn.SiLU()");
    const named = new Map([
      ["LeakyReLU", "negative_slope"],
      ["ELU", "alpha"],
    ]).get(type);
    if (argument !== undefined && named === undefined) {
      throw new GraphError(`model config: activation ${activation} has a number, which only LeakyReLU and ELU accept`);
    }
    this.act = this.node(type, argument === undefined || named === undefined ? {} : { [named]: argument });
  }

  node(type: string, attributes: Readonly<Record<string, PlainValue>>, children: readonly Child[] = []): ModuleNode {
    const none = new Map<string, HostTensor>();
    return {
      kind: "module",
      type,
      className: classPath(type),
      attributes: new Map(Object.entries(attributes)),
      parameters: none,
      buffers: none,
      children: new Map(children),
    };
  }

  /** The file's tensor, or undefined if it has none. */
  protected optional(name: string, shape: readonly number[]): HostTensor | undefined {
    return this.source.has(name) ? this.source.get(name, shape) : undefined;
  }

  /** nn.Conv2d, with a bias if the source has one (fused files) or the block always has one. */
  conv2d(
    path: string,
    c1: number,
    c2: number,
    kernel: readonly [number, number],
    stride: readonly [number, number],
    padding: readonly [number, number],
    groups = 1,
    bias = false,
    dilation = 1,
  ): ModuleNode {
    const parameters = new Map([["weight", this.tensor(`${path}.weight`, [c2, c1 / groups, ...kernel])]]);
    if (bias || this.source.has(`${path}.bias`)) parameters.set("bias", this.tensor(`${path}.bias`, [c2]));
    // No `groups`: the graph derives it from the shapes, which also serves pruned files.
    const attributes = { stride: [...stride], padding: [...padding], dilation: [dilation, dilation] };
    return { ...this.node("Conv2d", attributes), parameters };
  }

  batchNorm(path: string, channels: number, eps = this.eps): ModuleNode {
    const get = (name: string): [string, HostTensor] => [name, this.tensor(`${path}.${name}`, [channels])];
    const attributes = eps === undefined ? {} : { eps };
    return {
      ...this.node("BatchNorm2d", attributes),
      parameters: new Map([get("weight"), get("bias")]),
      buffers: new Map([get("running_mean"), get("running_var")]),
    };
  }

  /** Conv: convolution, BatchNorm (unless the file is fused), activation. */
  conv(
    path: string,
    c1: number,
    c2: number,
    k: number | readonly [number, number] = 1,
    s: number | readonly [number, number] = 1,
    p?: unknown,
    groups = 1,
    act: unknown = true,
    { dilation = 1, eps = this.eps }: { readonly dilation?: number; readonly eps?: number | undefined } = {},
  ): ModuleNode {
    const kernel: readonly [number, number] = typeof k === "number" ? [k, k] : k;
    const stride: readonly [number, number] = typeof s === "number" ? [s, s] : s;
    const half = (size: number): number => Math.floor((dilation * (size - 1) + 1) / 2);
    const auto: readonly [number, number] = [half(kernel[0]), half(kernel[1])];
    const padding = typeof p === "number" ? ([p, p] as const) : auto;
    const children: Child[] = [
      ["conv", this.conv2d(`${path}.conv`, c1, c2, kernel, stride, padding, groups, false, dilation)],
    ];
    if (this.source.has(`${path}.bn.weight`)) children.push(["bn", this.batchNorm(`${path}.bn`, c2, eps)]);
    children.push(["act", act === false ? this.node("Identity", {}) : this.act]);
    return this.node("Conv", {}, children);
  }

  depthwise(path: string, c1: number, c2: number, k: number, s: number, act = true): ModuleNode {
    return this.conv(path, c1, c2, k, s, undefined, greatestCommonDivisor(c1, c2), act);
  }

  protected pool(k: number): ModuleNode {
    return this.node("MaxPool2d", { kernel_size: k, stride: 1, padding: Math.floor(k / 2) });
  }

  protected repeated(path: string, n: number, make: (path: string) => ModuleNode): ModuleNode {
    const count = this.source.count(path) ?? n;
    checkCount(count, MAX_REPEATS, "repeats", path);
    return this.node(
      "Sequential",
      {},
      Array.from({ length: count }, (_, i): Child => [String(i), make(`${path}.${i}`)]),
    );
  }

  /** @throws GraphError for a shape that no tensor has; WeightError if a state dict lacks it. */
  protected tensor(name: string, shape: readonly number[]): HostTensor {
    if (!shape.every((size) => Number.isInteger(size) && size >= 1)) {
      throw new GraphError(
        `model config: ${name} would be ${shape.join("×")}; channels, kernels and groups must give whole numbers from 1`,
        { name, shape },
      );
    }
    const found = this.source.get(name, shape);
    if (!found)
      throw new WeightError(`the checkpoint has no tensor ${name}, which its model config requires`, { name, shape });
    return found;
  }
}

/** @throws GraphError unless `count` is a whole number from 1 to `most`. */
export function checkCount(count: number, most: number, what: string, path: string): void {
  if (Number.isInteger(count) && count >= 1 && count <= most) return;
  throw new GraphError(`model config: ${path} has ${count} ${what}; 1 to ${most} are allowed`, { path, count });
}

/** Of whole numbers. */
export function greatestCommonDivisor(a: number, b: number): number {
  return b > 0 ? greatestCommonDivisor(b, a % b) : a;
}
