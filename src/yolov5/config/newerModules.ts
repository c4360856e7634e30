/**
 * Creates module-tree nodes for the blocks and heads of v5u, v8, 11 and 26, with children and attributes named as in checkpoints.
 * Their shapes are those of the pickled trees.
 */

import { type HostTensor, tensor } from "../../tensor/index.js";
import type { ModuleNode } from "../../weights/types.js";
import type { Child } from "./layerFactory.js";
import { ModuleFactory } from "./modules.js";

/** What a head without anchors is made of. */
export interface AnchorFreeHead {
  readonly classes: number;
  /** Bins of a distance; 1: the distance itself. */
  readonly regMax: number;
  /** Class branches of plain 3×3 convolutions (v5u, v8) instead of depthwise ones (11, 26). */
  readonly plainClasses: boolean;
  /** With a second set of branches that gives each object one box. */
  readonly endToEnd: boolean;
  /** Keypoints: how many, and numbers of each. */
  readonly keypoints?: readonly [count: number, size: number] | undefined;
  /** Mask coefficients, and channels inside of the prototypes. */
  readonly masks?: { readonly coefficients: number; readonly hidden: number } | undefined;
  readonly strides: readonly number[] | undefined;
}

/** Options of C3k2. */
export interface C3k2Arguments {
  /** C3k blocks inside instead of bottlenecks. */
  readonly nested: boolean;
  readonly expansion: number;
  /** A bottleneck and an attention block inside. */
  readonly attention: boolean;
}

export class NewerModuleFactory extends ModuleFactory {
  c2f(path: string, c1: number, c2: number, n: number, shortcut: boolean, expansion: number): ModuleNode {
    const hidden = Math.floor(c2 * expansion);
    return this.split("C2f", path, c1, c2, hidden, n, (at) => this.square(at, hidden, shortcut, 1));
  }

  c3k2(path: string, c1: number, c2: number, n: number, { nested, expansion, attention }: C3k2Arguments): ModuleNode {
    const hidden = Math.floor(c2 * expansion);
    return this.split("C3k2", path, c1, c2, hidden, n, (at) => {
      if (attention) {
        return this.node("Sequential", {}, [
          ["0", this.square(`${at}.0`, hidden, true, 0.5)],
          ["1", this.psaBlock(`${at}.1`, hidden)],
        ]);
      }
      return nested ? this.c3k(at, hidden) : this.square(at, hidden, true, 0.5);
    });
  }

  c2psa(path: string, c: number, n: number): ModuleNode {
    const hidden = Math.floor(c / 2);
    const cv1 = this.conv(`${path}.cv1`, c, 2 * hidden);
    return this.node("C2PSA", { c: outputsOf(cv1) / 2 }, [
      ["cv1", cv1],
      ["cv2", this.conv(`${path}.cv2`, 2 * hidden, c)],
      ["m", this.repeated(`${path}.m`, n, (at) => this.psaBlock(at, hidden))],
    ]);
  }

  scDown(path: string, c1: number, c2: number, k: number, s: number): ModuleNode {
    return this.node("SCDown", {}, [
      ["cv1", this.conv(`${path}.cv1`, c1, c2)],
      ["cv2", this.conv(`${path}.cv2`, c2, c2, k, s, undefined, c2, false)],
    ]);
  }

  /** SPPF with the options that 26 gives it; its first convolution has no activation. */
  pooled(path: string, c1: number, c2: number, k: number, pools: number, shortcut: boolean): ModuleNode {
    const hidden = Math.floor(c1 / 2);
    return this.node("SPPF", { n: pools, add: shortcut && c1 === c2 }, [
      ["cv1", this.conv(`${path}.cv1`, c1, hidden, 1, 1, undefined, 1, false)],
      ["cv2", this.conv(`${path}.cv2`, hidden * (pools + 1), c2)],
      ["m", this.pool(k)],
    ]);
  }

  /** Detect, Segment or Pose. */
  anchorFree(path: string, sources: readonly number[], head: AnchorFreeHead): ModuleNode {
    const { classes, regMax, keypoints, masks, endToEnd, strides } = head;
    const boxHidden = Math.max(16, Math.floor(sources[0] / 4), 4 * regMax);
    const further = masks?.coefficients ?? (keypoints ? keypoints[0] * keypoints[1] : 0);
    const branches = (prefix: string): Child[] => {
      const found: Child[] = [
        this.branches(`${path}.${prefix}cv2`, sources, (at, c) => this.plainBranch(at, c, boxHidden, 4 * regMax)),
        this.branches(`${path}.${prefix}cv3`, sources, (at, c) => this.classBranch(at, c, sources[0], head)),
      ].map((list, i) => [`${prefix}cv${i + 2}`, list]);
      if (further > 0) {
        const hidden = Math.max(Math.floor(sources[0] / 4), further);
        const list = this.branches(`${path}.${prefix}cv4`, sources, (at, c) =>
          this.plainBranch(at, c, hidden, further),
        );
        found.push([`${prefix}cv4`, list]);
      }
      return found;
    };
    const children = branches("");
    children.push(["dfl", regMax > 1 ? this.distances(`${path}.dfl`, regMax) : this.node("Identity", {})]);
    if (masks) {
      children.push(["proto", this.prototypes(`${path}.proto`, sources[0], masks.hidden, masks.coefficients)]);
    }
    if (endToEnd) children.push(...branches("one2one_"));
    return this.node(
      masks ? "Segment" : keypoints ? "Pose" : "Detect",
      {
        nc: classes,
        reg_max: regMax,
        ...(strides ? { stride: [...strides] } : {}),
        ...(keypoints ? { kpt_shape: [...keypoints] } : {}),
        ...(masks ? { nm: masks.coefficients } : {}),
      },
      children,
    );
  }

  /** The classification head; its class decides which package's defaults apply. */
  newerClassify(path: string, c1: number, classes: number): ModuleNode {
    return { ...this.classify(path, c1, classes, {}), className: "ultralytics.nn.modules.head.Classify" };
  }

  /** cv1, split into halves, the blocks one after the other, and cv2 over all of them. */
  private split(
    type: string,
    path: string,
    c1: number,
    c2: number,
    hidden: number,
    n: number,
    inner: (path: string) => ModuleNode,
  ): ModuleNode {
    const list = this.repeated(`${path}.m`, n, inner);
    const cv1 = this.conv(`${path}.cv1`, c1, 2 * hidden);
    return this.node(type, { c: outputsOf(cv1) / 2 }, [
      ["cv1", cv1],
      ["cv2", this.conv(`${path}.cv2`, (2 + list.children.size) * hidden, c2)],
      ["m", { ...list, type: "ModuleList", className: "torch.nn.ModuleList" }],
    ]);
  }

  /** A bottleneck of two 3×3 convolutions. */
  private square(path: string, c: number, shortcut: boolean, expansion: number): ModuleNode {
    const hidden = Math.floor(c * expansion);
    return this.node("Bottleneck", { add: shortcut }, [
      ["cv1", this.conv(`${path}.cv1`, c, hidden, 3)],
      ["cv2", this.conv(`${path}.cv2`, hidden, c, 3)],
    ]);
  }

  private c3k(path: string, c: number): ModuleNode {
    const hidden = Math.floor(c / 2);
    return this.node("C3k", {}, [
      ["cv1", this.conv(`${path}.cv1`, c, hidden)],
      ["cv2", this.conv(`${path}.cv2`, c, hidden)],
      ["cv3", this.conv(`${path}.cv3`, 2 * hidden, c)],
      ["m", this.repeated(`${path}.m`, 2, (at) => this.square(at, hidden, true, 1))],
    ]);
  }

  private psaBlock(path: string, c: number): ModuleNode {
    const quiet = (at: string, c1: number, c2: number, k = 1, groups = 1): ModuleNode =>
      this.conv(`${path}.${at}`, c1, c2, k, 1, undefined, groups, false);
    const proj = quiet("attn.proj", c, c);
    // A state dict may be of another size than its description.
    const channels = outputsOf(proj);
    const heads = Math.max(Math.floor(channels / 64), 1);
    const keys = Math.floor(channels / heads / 2);
    const attention = this.node("Attention", { num_heads: heads, key_dim: keys }, [
      ["qkv", quiet("attn.qkv", c, c + 2 * keys * heads)],
      ["proj", proj],
      ["pe", quiet("attn.pe", c, c, 3, c)],
    ]);
    const feedForward = this.node("Sequential", {}, [
      ["0", this.conv(`${path}.ffn.0`, c, 2 * c)],
      ["1", quiet("ffn.1", 2 * c, c)],
    ]);
    return this.node("PSABlock", { add: true }, [
      ["attn", attention],
      ["ffn", feedForward],
    ]);
  }

  /** One branch a level. */
  private branches(
    path: string,
    sources: readonly number[],
    make: (path: string, channels: number) => ModuleNode,
  ): ModuleNode {
    return this.node(
      "ModuleList",
      {},
      sources.map((c, level): Child => [String(level), make(`${path}.${level}`, c)]),
    );
  }

  /** Two 3×3 convolutions, then one that gives the numbers. */
  private plainBranch(path: string, c1: number, hidden: number, outputs: number): ModuleNode {
    return this.node("Sequential", {}, [
      ["0", this.conv(`${path}.0`, c1, hidden, 3)],
      ["1", this.conv(`${path}.1`, hidden, hidden, 3)],
      ["2", this.conv2d(`${path}.2`, hidden, outputs, [1, 1], [1, 1], [0, 0], 1, true)],
    ]);
  }

  private classBranch(path: string, c1: number, first: number, { classes, plainClasses }: AnchorFreeHead): ModuleNode {
    const hidden = Math.max(first, Math.min(classes, 100));
    if (plainClasses) return this.plainBranch(path, c1, hidden, classes);
    const pair = (at: string, from: number): ModuleNode =>
      this.node("Sequential", {}, [
        ["0", this.depthwise(`${at}.0`, from, from, 3, 1)],
        ["1", this.conv(`${at}.1`, from, hidden)],
      ]);
    return this.node("Sequential", {}, [
      ["0", pair(`${path}.0`, c1)],
      ["1", pair(`${path}.1`, hidden)],
      ["2", this.conv2d(`${path}.2`, hidden, classes, [1, 1], [1, 1], [0, 0], 1, true)],
    ]);
  }

  /** The values of a distance's bins: 0, 1, 2, … unless the file says otherwise. */
  private distances(path: string, bins: number): ModuleNode {
    const shape = [1, bins, 1, 1];
    const counted = (): HostTensor =>
      tensor(
        "float32",
        shape,
        Float32Array.from({ length: bins }, (_, bin) => bin),
      );
    const weight = this.optional(`${path}.conv.weight`, shape) ?? counted();
    return this.node("DFL", {}, [["conv", { ...this.node("Conv2d", {}), parameters: new Map([["weight", weight]]) }]]);
  }

  private prototypes(path: string, c1: number, hidden: number, c2: number): ModuleNode {
    return this.node("Proto", {}, [
      ["cv1", this.conv(`${path}.cv1`, c1, hidden, 3)],
      ["upsample", this.convTranspose("ConvTranspose2d", `${path}.upsample`, hidden, hidden, [hidden, 2, 2])],
      ["cv2", this.conv(`${path}.cv2`, hidden, hidden, 3)],
      ["cv3", this.conv(`${path}.cv3`, hidden, c2)],
    ]);
  }
}

/** Channels that a `Conv` gives, by its weight. */
function outputsOf(conv: ModuleNode): number {
  return conv.children.get("conv")?.parameters.get("weight")?.shape[0] ?? 0;
}
