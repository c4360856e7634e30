/** Random modules of every kind that the engine knows, for a value of a known shape: valid, if often odd. */

import { type Float32Tensor, tensor } from "../../../src/tensor/index.js";
import type { ModuleNode, PlainValue } from "../../../src/weights/types.js";
import { moduleOf, type Parts } from "../../yolov5/trees.js";
import type { Draw } from "../draw.js";

/** What a module gives: channels, height and width. */
export interface Shape {
  readonly c: number;
  readonly h: number;
  readonly w: number;
}

export interface Made {
  readonly module: ModuleNode;
  readonly shape: Shape;
}

const ACTIVATIONS = [
  ...["SiLU", "SiLU", "SiLU", "ReLU", "ReLU6", "LeakyReLU", "Hardswish", "Hardsigmoid", "Sigmoid", "Mish", "GELU"],
  ...["Tanh", "ELU", "Softplus", "Identity"],
];
/** Around the groups of four in which backends store channels. */
const WIDTHS = [1, 2, 3, 4, 4, 5, 7, 8, 8, 8, 9, 12, 16, 16, 17, 24, 32];

export class LayerMaker {
  constructor(
    readonly draw: Draw,
    /** Weights far from what training gives, zeros among them. */
    readonly extreme: boolean,
  ) {}

  width(): number {
    return this.draw.pick(WIDTHS);
  }

  /** Evenly drawn around 0, so that values keep their size through a layer. */
  weight(shape: readonly number[], fanIn: number): Float32Tensor {
    const { draw } = this;
    let scale = Math.sqrt(3 / fanIn);
    if (this.extreme && draw.chance(0.2)) scale *= draw.pick([0, 1e-20, 1e-6, 1e3, 1e10, 1e30]);
    const count = shape.reduce((a, b) => a * b, 1);
    return tensor(
      "float32",
      shape,
      Float32Array.from({ length: count }, () => scale * (2 * draw.unit() - 1)),
    );
  }

  private between(shape: readonly number[], low: number, high: number): Float32Tensor {
    const count = shape.reduce((a, b) => a * b, 1);
    const data = Float32Array.from({ length: count }, () => low + (high - low) * this.draw.unit());
    return tensor("float32", shape, data);
  }

  activation(): ModuleNode {
    const { draw } = this;
    const type = draw.pick(ACTIVATIONS);
    const slope = draw.pick([0, 0.01, 0.1, 0.5, -0.5, 1]);
    return moduleOf(
      `torch.nn.modules.activation.${type}`,
      type === "LeakyReLU" ? { negative_slope: slope } : type === "ELU" ? { alpha: Math.abs(slope) + 0.5 } : {},
    );
  }

  batchNorm(c: number): ModuleNode {
    const { draw } = this;
    const [low, high] =
      this.extreme && draw.chance(0.3)
        ? draw.pick([
            [0, 0],
            [1e-12, 1e-6],
            [1e6, 1e9],
            [-1, 1],
          ])
        : [0.5, 2];
    const affine = draw.chance(0.9) && {
      weight: this.between([c], 0.5, 1.5),
      bias: this.between([c], -1, 1),
    };
    const buffers = { running_mean: this.between([c], -0.5, 0.5), running_var: this.between([c], low, high) };
    return moduleOf(
      "torch.nn.modules.batchnorm.BatchNorm2d",
      { eps: draw.pick([1e-3, 1e-3, 1e-5]), momentum: 0.03 },
      { parameters: affine || {}, buffers },
    );
  }

  /** A convolution that keeps the size but for its stride; kernels and dilations as they come where `plain` is not set. */
  conv2d({ c, h, w }: Shape, out: number, k: number, stride = 1, groups = 1): Made {
    const { draw } = this;
    const weight = this.weight([out, c / groups, k, k], (c / groups) * k * k);
    const parameters: Parts["parameters"] = draw.chance(0.5)
      ? { weight, bias: this.between([out], -1, 1) }
      : { weight };
    const half = Math.floor(k / 2);
    const size = (side: number): number => Math.floor((side + 2 * half - k) / stride) + 1;
    return {
      module: moduleOf(
        "torch.nn.modules.conv.Conv2d",
        { stride: [stride, stride], padding: half, groups },
        { parameters },
      ),
      shape: { c: out, h: size(h), w: size(w) },
    };
  }

  /** Of any kernel, stride, padding and dilation that fit, not the same in both directions. */
  oddConv2d({ c, h, w }: Shape): Made {
    const { draw } = this;
    const out = this.width();
    const groups = draw.pick([1, 1, 1, ...divisors(c, out)]);
    const axis = (side: number): { k: number; s: number; p: number; d: number; size: number } => {
      const k = Math.min(draw.between(1, 7), side);
      const d = k > 1 && draw.chance(0.3) ? draw.between(1, Math.max(1, Math.floor((side - 1) / (k - 1)))) : 1;
      const p = draw.between(0, k);
      const s = draw.pick([1, 1, 1, 2, 2, 3, 5]);
      return { k, s, p, d, size: Math.floor((side + 2 * p - d * (k - 1) - 1) / s) + 1 };
    };
    const [y, x] = [axis(h), axis(w)];
    const weight = this.weight([out, c / groups, y.k, x.k], (c / groups) * y.k * x.k);
    const parameters: Parts["parameters"] = draw.chance(0.5)
      ? { weight, bias: this.between([out], -1, 1) }
      : { weight };
    const attributes = { stride: [y.s, x.s], padding: [y.p, x.p], dilation: [y.d, x.d], groups };
    return {
      module: moduleOf("torch.nn.modules.conv.Conv2d", attributes, { parameters }),
      shape: { c: out, h: y.size, w: x.size },
    };
  }

  transposed({ c, h, w }: Shape): Made {
    const { draw } = this;
    const groups = draw.pick([1, 1, ...divisors(c, c)]);
    const out = groups === 1 ? this.width() : groups * draw.between(1, 3);
    const axis = (side: number): { k: number; s: number; p: number; d: number; o: number; size: number } => {
      const k = draw.between(1, 5);
      const s = draw.pick([1, 2, 2, 3, 4]);
      const d = draw.pick([1, 1, 2]);
      const full = (side - 1) * s + d * (k - 1) + 1;
      const p = draw.between(0, Math.min(k - 1, Math.floor((full - 1) / 2)));
      const o = draw.chance(0.3) ? draw.between(0, Math.max(s, d) - 1) : 0;
      return { k, s, p, d, o, size: full - 2 * p + o };
    };
    const [y, x] = [axis(h), axis(w)];
    const weight = this.weight([c, out / groups, y.k, x.k], (c / groups) * y.k * x.k);
    const parameters: Parts["parameters"] = draw.chance(0.5)
      ? { weight, bias: this.between([out], -1, 1) }
      : { weight };
    const attributes = {
      ...{ stride: [y.s, x.s], padding: [y.p, x.p], dilation: [y.d, x.d], output_padding: [y.o, x.o], groups },
    };
    return {
      module: moduleOf("torch.nn.modules.conv.ConvTranspose2d", attributes, { parameters }),
      shape: { c: out, h: y.size, w: x.size },
    };
  }

  /** YOLOv5's Conv: convolution, BatchNorm and activation, each of the last two sometimes left out. */
  conv(x: Shape, out: number, k: number, stride = 1, groups = 1): Made {
    const { draw } = this;
    const { module, shape } = this.conv2d(x, out, k, stride, groups);
    const children: Record<string, ModuleNode> = { conv: module };
    if (draw.chance(0.8)) children.bn = this.batchNorm(out);
    if (draw.chance(0.9)) children.act = this.activation();
    return { module: moduleOf("models.common.Conv", {}, { children }), shape };
  }

  linear(c: number, out: number): ModuleNode {
    const weight = this.weight([out, c], c);
    const bias = this.between([out], -0.5, 0.5);
    return moduleOf(
      "torch.nn.modules.linear.Linear",
      {},
      { parameters: this.draw.chance(0.7) ? { weight, bias } : { weight } },
    );
  }

  pool({ c, h, w }: Shape): Made {
    const { draw } = this;
    const axis = (side: number): { k: number; s: number; p: number; size: number } => {
      const k = Math.min(draw.between(1, 7), side);
      const p = draw.between(0, Math.floor(k / 2));
      const s = draw.pick([1, 1, 2, 3]);
      return { k, s, p, size: Math.floor((side + 2 * p - k) / s) + 1 };
    };
    const [y, x] = [axis(h), axis(w)];
    const attributes = { kernel_size: [y.k, x.k], stride: [y.s, x.s], padding: [y.p, x.p], ceil_mode: false };
    return { module: moduleOf("torch.nn.modules.pooling.MaxPool2d", attributes), shape: { c, h: y.size, w: x.size } };
  }

  /** A pool of stride 1 that keeps the size. */
  evenPool(k: number): ModuleNode {
    const attributes = { kernel_size: k, stride: 1, padding: Math.floor(k / 2), ceil_mode: this.draw.chance(0.3) };
    return moduleOf("torch.nn.modules.pooling.MaxPool2d", attributes);
  }

  sequence(parts: readonly ModuleNode[], type = "torch.nn.modules.container.Sequential"): ModuleNode {
    return moduleOf(type, {}, { children: Object.fromEntries(parts.map((part, i) => [String(i), part])) });
  }

  /** The same modules under a class name of YOLOv5. */
  block(
    type: string,
    children: Readonly<Record<string, ModuleNode>>,
    attributes: Readonly<Record<string, PlainValue>> = {},
  ): ModuleNode {
    return moduleOf(`models.common.${type}`, attributes, { children });
  }
}

/** Numbers of groups that both channel counts divide into. */
export function divisors(a: number, b: number): number[] {
  return Array.from({ length: Math.min(a, b) }, (_, i) => i + 1).filter((g) => a % g === 0 && b % g === 0);
}
