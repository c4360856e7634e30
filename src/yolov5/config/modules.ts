/** Creates module-tree nodes for YOLOv5's blocks and heads, with children and attributes named as in checkpoints. */

import type { HostTensor } from "../../tensor/index.js";
import type { ModuleNode } from "../../weights/types.js";
import { type Child, greatestCommonDivisor, LayerFactory } from "./layerFactory.js";

/** Options that C3, BottleneckCSP and related blocks pass to their inner blocks. */
export interface InnerArguments {
  readonly shortcut: boolean;
  readonly groups: number;
  /** Hidden channels ÷ output channels. */
  readonly expansion: number;
  /** Pooling kernels of C3SPP. */
  readonly kernels: readonly number[];
}

export class ModuleFactory extends LayerFactory {
  focus(path: string, c1: number, c2: number, k: number, s: number): ModuleNode {
    return this.node("Focus", {}, [["conv", this.conv(`${path}.conv`, 4 * c1, c2, k, s)]]);
  }

  /** Sum of `n` layers, the later ones optionally weighted. */
  sum(path: string, n: number, weighted: boolean): ModuleNode {
    const parameters = new Map(weighted ? [["w", this.tensor(`${path}.w`, [n - 1])]] : []);
    return { ...this.node("Sum", { weight: weighted }), parameters };
  }

  /** Convolutions with several kernel sizes, which divide the channels evenly. */
  mixConv2d(path: string, c1: number, c2: number, kernels: readonly number[], s: number): ModuleNode {
    const shares = kernels.map(() => 0);
    for (let c = 0; c < c2; c++) shares[Math.floor((c * (kernels.length - 1e-6)) / Math.max(c2 - 1, 1))]++;
    const convs = kernels.map((k, i): Child => {
      const share = shares[i];
      const groups = greatestCommonDivisor(c1, share);
      const padding = Math.floor(k / 2);
      return [String(i), this.conv2d(`${path}.m.${i}`, c1, share, [k, k], [s, s], [padding, padding], groups)];
    });
    return this.node("MixConv2d", {}, [
      ["m", this.node("ModuleList", {}, convs)],
      ["bn", this.batchNorm(`${path}.bn`, c2)],
      ["act", this.node("SiLU", {})],
    ]);
  }

  bottleneck(path: string, c1: number, c2: number, shortcut: boolean, groups = 1, e = 0.5): ModuleNode {
    const hidden = Math.floor(c2 * e);
    const children: Child[] = [
      ["cv1", this.conv(`${path}.cv1`, c1, hidden)],
      ["cv2", this.conv(`${path}.cv2`, hidden, c2, 3, 1, undefined, groups)],
    ];
    return this.node("Bottleneck", { add: shortcut && c1 === c2 }, children);
  }

  crossConv(
    path: string,
    c1: number,
    c2: number,
    [k, s, groups]: readonly [kernel: number, stride: number, groups: number],
    e: number,
    shortcut: boolean,
  ): ModuleNode {
    const hidden = Math.floor(c2 * e);
    const children: Child[] = [
      ["cv1", this.conv(`${path}.cv1`, c1, hidden, [1, k], [1, s])],
      ["cv2", this.conv(`${path}.cv2`, hidden, c2, [k, 1], [s, 1], undefined, groups)],
    ];
    return this.node("CrossConv", { add: shortcut && c1 === c2 }, children);
  }

  bottleneckCsp(path: string, c1: number, c2: number, n: number, inner: InnerArguments): ModuleNode {
    const { shortcut, groups, expansion } = inner;
    const hidden = Math.floor(c2 * expansion);
    const plain = (name: string, from: number): ModuleNode =>
      this.conv2d(`${path}.${name}`, from, hidden, [1, 1], [1, 1], [0, 0]);
    return this.node("BottleneckCSP", {}, [
      ["cv1", this.conv(`${path}.cv1`, c1, hidden)],
      ["cv2", plain("cv2", c1)],
      ["cv3", plain("cv3", hidden)],
      ["cv4", this.conv(`${path}.cv4`, 2 * hidden, c2)],
      ["bn", this.batchNorm(`${path}.bn`, 2 * hidden)],
      // v7.0 always builds this block with SiLU, whatever activation the description specifies.
      ["act", this.node("SiLU", {})],
      ["m", this.repeated(`${path}.m`, n, (at) => this.bottleneck(at, hidden, hidden, shortcut, groups, 1))],
    ]);
  }

  /** C3 and its variants, which differ in `m`. */
  c3(type: string, path: string, c1: number, c2: number, n: number, args: InnerArguments): ModuleNode {
    const { shortcut, groups, expansion } = args;
    const hidden = Math.floor(c2 * expansion);
    const inner: Readonly<Record<string, () => ModuleNode>> = {
      C3: () => this.repeated(`${path}.m`, n, (at) => this.bottleneck(at, hidden, hidden, shortcut, groups, 1)),
      C3x: () => this.repeated(`${path}.m`, n, (at) => this.crossConv(at, hidden, hidden, [3, 1, groups], 1, shortcut)),
      C3Ghost: () => this.repeated(`${path}.m`, n, (at) => this.ghostBottleneck(at, hidden, hidden, 3, 1)),
      C3SPP: () => this.spp(`${path}.m`, hidden, hidden, args.kernels),
      C3TR: () => this.transformerBlock(`${path}.m`, hidden, n),
    };
    return this.node(type, {}, [
      ["cv1", this.conv(`${path}.cv1`, c1, hidden)],
      ["cv2", this.conv(`${path}.cv2`, c1, hidden)],
      ["cv3", this.conv(`${path}.cv3`, 2 * hidden, c2)],
      ["m", inner[type]()],
    ]);
  }

  ghostConv(path: string, c1: number, c2: number, k: number, s: number, act = true): ModuleNode {
    const hidden = Math.floor(c2 / 2);
    return this.node("GhostConv", {}, [
      ["cv1", this.conv(`${path}.cv1`, c1, hidden, k, s, undefined, 1, act)],
      ["cv2", this.conv(`${path}.cv2`, hidden, hidden, 5, 1, undefined, hidden, act)],
    ]);
  }

  ghostBottleneck(path: string, c1: number, c2: number, k: number, s: number): ModuleNode {
    const hidden = Math.floor(c2 / 2);
    const main = this.node("Sequential", {}, [
      ["0", this.ghostConv(`${path}.conv.0`, c1, hidden, 1, 1)],
      ["1", s === 2 ? this.depthwise(`${path}.conv.1`, hidden, hidden, k, s, false) : this.node("Identity", {})],
      ["2", this.ghostConv(`${path}.conv.2`, hidden, c2, 1, 1, false)],
    ]);
    const side =
      s === 2
        ? this.node("Sequential", {}, [
            ["0", this.depthwise(`${path}.shortcut.0`, c1, c1, k, s, false)],
            ["1", this.conv(`${path}.shortcut.1`, c1, c2, 1, 1, undefined, 1, false)],
          ])
        : this.node("Identity", {});
    return this.node("GhostBottleneck", {}, [
      ["conv", main],
      ["shortcut", side],
    ]);
  }

  spp(path: string, c1: number, c2: number, kernels: readonly number[]): ModuleNode {
    const hidden = Math.floor(c1 / 2);
    const pools = kernels.map((k, i): Child => [String(i), this.pool(k)]);
    return this.node("SPP", {}, [
      ["cv1", this.conv(`${path}.cv1`, c1, hidden)],
      ["cv2", this.conv(`${path}.cv2`, hidden * (kernels.length + 1), c2)],
      ["m", this.node("ModuleList", {}, pools)],
    ]);
  }

  sppf(path: string, c1: number, c2: number, k: number): ModuleNode {
    const hidden = Math.floor(c1 / 2);
    return this.node("SPPF", {}, [
      ["cv1", this.conv(`${path}.cv1`, c1, hidden)],
      ["cv2", this.conv(`${path}.cv2`, hidden * 4, c2)],
      ["m", this.pool(k)],
    ]);
  }

  convTranspose(type: string, path: string, c1: number, c2: number, args: readonly unknown[]): ModuleNode {
    const [k, s, p, op] = [1, 2, 3, 4].map((i) => (typeof args[i] === "number" ? args[i] : undefined));
    const kernel = k ?? 1;
    const groups = type === "DWConvTranspose2d" ? greatestCommonDivisor(c1, c2) : 1;
    const attributes = { stride: s ?? 1, padding: p ?? 0, output_padding: op ?? 0, groups };
    const parameters = new Map([["weight", this.tensor(`${path}.weight`, [c1, c2 / groups, kernel, kernel])]]);
    parameters.set("bias", this.tensor(`${path}.bias`, [c2]));
    return { ...this.node(type, attributes), parameters };
  }

  detect(
    path: string,
    sources: readonly number[],
    outputs: number,
    nm: number,
    protos: number,
    anchors: () => HostTensor,
    strides: readonly number[] | undefined,
  ): ModuleNode {
    const convs = sources.map(
      (c, i): Child => [String(i), this.conv2d(`${path}.m.${i}`, c, outputs, [1, 1], [1, 1], [0, 0], 1, true)],
    );
    const children: Child[] = [["m", this.node("ModuleList", {}, convs)]];
    if (nm > 0) children.push(["proto", this.proto(`${path}.proto`, sources[0], protos, nm)]);
    const stored = this.optional(`${path}.anchors`, [sources.length, 3, 2]);
    const head = this.node(
      nm > 0 ? "Segment" : "Detect",
      { ...(strides ? { stride: [...strides] } : {}), ...(nm > 0 ? { nm } : {}) },
      children,
    );
    return { ...head, buffers: new Map([["anchors", stored ?? anchors()]]) };
  }

  /** YOLOv5 adds it to a detection model's backbone after setting eps, so that its BatchNorm has PyTorch's own default. */
  classify(path: string, c1: number, classes: number, own: { readonly eps?: number } = { eps: 1e-5 }): ModuleNode {
    const parameters = new Map([
      ["weight", this.tensor(`${path}.linear.weight`, [classes, 1280])],
      ["bias", this.tensor(`${path}.linear.bias`, [classes])],
    ]);
    return this.node("Classify", {}, [
      ["conv", this.conv(`${path}.conv`, c1, 1280, 1, 1, undefined, 1, true, own)],
      ["pool", this.node("AdaptiveAvgPool2d", { output_size: 1 })],
      ["linear", { ...this.node("Linear", {}), parameters }],
    ]);
  }

  private proto(path: string, c1: number, hidden: number, c2: number): ModuleNode {
    return this.node("Proto", {}, [
      ["cv1", this.conv(`${path}.cv1`, c1, hidden, 3)],
      ["upsample", this.node("Upsample", { scale_factor: 2, mode: "nearest" })],
      ["cv2", this.conv(`${path}.cv2`, hidden, hidden, 3)],
      ["cv3", this.conv(`${path}.cv3`, hidden, c2)],
    ]);
  }

  private transformerBlock(path: string, c: number, layers: number): ModuleNode {
    const linear = (at: string, bias: boolean): ModuleNode => {
      const parameters = new Map([["weight", this.tensor(`${at}.weight`, [c, c])]]);
      if (bias) parameters.set("bias", this.tensor(`${at}.bias`, [c]));
      return { ...this.node("Linear", {}), parameters };
    };
    const layer = (at: string): ModuleNode => {
      const attention: ModuleNode = {
        ...this.node("MultiheadAttention", { num_heads: 4 }, [["out_proj", linear(`${at}.ma.out_proj`, true)]]),
        parameters: new Map([
          ["in_proj_weight", this.tensor(`${at}.ma.in_proj_weight`, [3 * c, c])],
          ["in_proj_bias", this.tensor(`${at}.ma.in_proj_bias`, [3 * c])],
        ]),
      };
      const parts = ["q", "k", "v", "fc1", "fc2"].map((name): Child => [name, linear(`${at}.${name}`, false)]);
      return this.node("TransformerLayer", {}, [...parts, ["ma", attention]]);
    };
    return this.node("TransformerBlock", {}, [
      ["linear", linear(`${path}.linear`, true)],
      ["tr", this.repeated(`${path}.tr`, layers, layer)],
    ]);
  }
}
