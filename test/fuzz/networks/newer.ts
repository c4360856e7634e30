/** Random blocks and heads of the networks without anchors: split channels, attention, branches of a head. */

import { tensor } from "../../../src/tensor/index.js";
import type { ModuleNode, PlainValue } from "../../../src/weights/types.js";
import { moduleOf } from "../../yolov5/trees.js";
import type { LayerMaker, Made, Shape } from "./layers.js";

const LIST = "torch.nn.modules.container.ModuleList";

/** cv1 to two halves; what the second becomes is told by `main`. */
function split(maker: LayerMaker, x: Shape): { cv1: Made; half: Shape; c: number } {
  const c = maker.draw.pick([1, 2, 3, 4, 4, 8, 8, 12]);
  const cv1 = maker.conv(x, 2 * c, 1);
  return { cv1, half: { ...x, c }, c };
}

export function c2f(maker: LayerMaker, x: Shape): Made {
  const { cv1, half, c } = split(maker, x);
  const parts: ModuleNode[] = [];
  let [last, joined] = [half, 2 * c];
  for (let i = maker.draw.between(1, 3); i > 0; i--) {
    const add = maker.draw.chance(0.5);
    const first = maker.conv(last, maker.width(), 3);
    const second = maker.conv(first.shape, add ? last.c : maker.width(), 3);
    parts.push(maker.block("Bottleneck", { cv1: first.module, cv2: second.module }, { add }));
    last = second.shape;
    joined += last.c;
  }
  const cv2 = maker.conv({ ...x, c: joined }, maker.width(), 1);
  const children = { cv1: cv1.module, cv2: cv2.module, m: maker.sequence(parts, LIST) };
  return { module: maker.block(maker.draw.pick(["C2f", "C3k2"]), children), shape: cv2.shape };
}

function attention(maker: LayerMaker, x: Shape): ModuleNode {
  const { draw } = maker;
  const [heads, keys, values] = [draw.between(1, 3), draw.between(1, 5), draw.between(1, 6)];
  const qkv = maker.conv(x, heads * (2 * keys + values), 1);
  const inner = { ...x, c: heads * values };
  const pe = maker.conv(inner, inner.c, 3, 1, inner.c);
  const proj = maker.conv(inner, x.c, 1);
  const children = { qkv: qkv.module, pe: pe.module, proj: proj.module };
  return maker.block("Attention", children, { num_heads: heads, key_dim: keys });
}

function psaBlock(maker: LayerMaker, x: Shape): ModuleNode {
  const up = maker.conv(x, maker.width(), 1);
  const down = maker.conv(up.shape, x.c, 1);
  const ffn = maker.sequence([up.module, down.module]);
  return maker.block("PSABlock", { attn: attention(maker, x), ffn }, { add: maker.draw.chance(0.7) });
}

export function c2psa(maker: LayerMaker, x: Shape): Made | undefined {
  if (x.h * x.w > 400) return undefined;
  const { cv1, half, c } = split(maker, x);
  const m = maker.sequence(maker.draw.several(1, 2, () => psaBlock(maker, half)));
  const cv2 = maker.conv({ ...x, c: 2 * c }, maker.width(), 1);
  return { module: maker.block("C2PSA", { cv1: cv1.module, cv2: cv2.module, m }), shape: cv2.shape };
}

/** A head over maps of these shapes; `proto` gives the prototypes of masks. */
export function anchorFreeHead(
  maker: LayerMaker,
  maps: readonly Shape[],
  proto: (coefficients: number) => ModuleNode,
): ModuleNode {
  const { draw } = maker;
  const branch = (out: number): ModuleNode => {
    const levels = maps.map((shape) => {
      const before = maker.conv(shape, maker.width(), draw.pick([1, 3]));
      return maker.sequence([before.module, maker.conv2d(before.shape, out, 1).module]);
    });
    return maker.sequence(levels, LIST);
  };
  const bins = draw.pick([1, 1, 2, 4, 16, 17]);
  const classes = draw.between(1, 9);
  const prefix = draw.chance(0.3) ? "one2one_" : "";
  const children: Record<string, ModuleNode> = {
    [`${prefix}cv2`]: branch(4 * bins),
    [`${prefix}cv3`]: branch(classes),
  };
  if (bins > 1) {
    const steps = tensor(
      "float32",
      [1, bins, 1, 1],
      Float32Array.from({ length: bins }, (_, i) => i),
    );
    const conv = moduleOf("torch.nn.modules.conv.Conv2d", {}, { parameters: { weight: steps } });
    children.dfl = maker.block("DFL", { conv });
  }
  const attributes: Record<string, PlainValue> = { stride: maps.map(() => draw.pick([8, 16, 32])), nc: classes };
  const extras = draw.weighted<"none" | "masks" | "keypoints">([
    [4, "none"],
    [1, "masks"],
    [1, "keypoints"],
  ]);
  if (extras === "masks") {
    const coefficients = draw.between(1, 33);
    children[`${prefix}cv4`] = branch(coefficients);
    children.proto = proto(coefficients);
  } else if (extras === "keypoints") {
    const [count, size] = [draw.between(1, 17), draw.pick([2, 3])];
    children[`${prefix}cv4`] = branch(count * size);
    attributes.kpt_shape = [count, size];
  }
  return moduleOf("ultralytics.nn.modules.head.Detect", attributes, { children });
}
