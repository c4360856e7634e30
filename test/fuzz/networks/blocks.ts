/** Random blocks of YOLOv5, put together from the modules of `layers.ts`. */

import type { ModuleNode } from "../../../src/weights/types.js";
import { moduleOf } from "../../yolov5/trees.js";
import { divisors, type LayerMaker, type Made, type Shape } from "./layers.js";
import { c2f, c2psa } from "./newer.js";

type MakeBlock = (maker: LayerMaker, x: Shape) => Made | undefined;

const only = (made: Made): ModuleNode => made.module;

const conv: MakeBlock = (maker, x) => {
  const { draw } = maker;
  const out = maker.width();
  return maker.conv(
    x,
    out,
    draw.pick([1, 1, 3, 3, 5, 6]),
    draw.pick([1, 1, 2]),
    draw.pick([1, 1, 1, ...divisors(x.c, out)]),
  );
};

const bottleneck: MakeBlock = (maker, x) => {
  const { draw } = maker;
  const add = draw.chance(0.6);
  const out = add ? x.c : maker.width();
  const first = maker.conv(x, maker.width(), 1);
  const second = maker.conv(first.shape, out, 3, 1, draw.pick([1, 1, ...divisors(first.shape.c, out)]));
  return {
    module: maker.block("Bottleneck", { cv1: first.module, cv2: second.module }, { add }),
    shape: second.shape,
  };
};

const bottlenecks = (maker: LayerMaker, x: Shape): Made => {
  const parts: ModuleNode[] = [];
  let shape = x;
  for (let i = maker.draw.between(1, 3); i > 0; i--) {
    const made = bottleneck(maker, shape);
    if (!made) break;
    parts.push(made.module);
    shape = made.shape;
  }
  return { module: maker.sequence(parts), shape };
};

const c3: MakeBlock = (maker, x) => {
  const cv1 = maker.conv(x, maker.width(), 1);
  const m = maker.draw.chance(0.8) ? bottlenecks(maker, cv1.shape) : transformer(maker, cv1.shape);
  if (!m) return undefined;
  // Of one width mostly: what backends merge.
  const cv2 = maker.conv(x, maker.draw.chance(0.6) ? cv1.shape.c : maker.width(), 1);
  const cv3 = maker.conv({ ...x, c: m.shape.c + cv2.shape.c }, maker.width(), 1);
  const children = { cv1: only(cv1), cv2: only(cv2), cv3: only(cv3), m: only(m) };
  return { module: maker.block("C3", children), shape: cv3.shape };
};

const csp: MakeBlock = (maker, x) => {
  const cv1 = maker.conv(x, maker.width(), 1);
  const m = bottlenecks(maker, cv1.shape);
  const cv3 = maker.conv2d(m.shape, maker.width(), 1);
  const cv2 = maker.conv2d(x, maker.width(), 1);
  const joined = cv3.shape.c + cv2.shape.c;
  const cv4 = maker.conv({ ...x, c: joined }, maker.width(), 1);
  const children = { cv1: only(cv1), cv2: only(cv2), cv3: only(cv3), cv4: only(cv4), m: only(m) };
  const module = maker.block("BottleneckCSP", { ...children, bn: maker.batchNorm(joined), act: maker.activation() });
  return { module, shape: cv4.shape };
};

const spp: MakeBlock = (maker, x) => {
  const cv1 = maker.conv(x, maker.width(), 1);
  const pools = maker.draw.several(1, 4, () => maker.evenPool(maker.draw.pick([1, 3, 5, 9, 13])));
  const cv2 = maker.conv({ ...x, c: cv1.shape.c * (pools.length + 1) }, maker.width(), 1);
  const m = maker.sequence(pools, "torch.nn.modules.container.ModuleList");
  return { module: maker.block("SPP", { cv1: only(cv1), cv2: only(cv2), m }), shape: cv2.shape };
};

const sppf: MakeBlock = (maker, x) => {
  const cv1 = maker.conv(x, maker.width(), 1);
  const cv2 = maker.conv({ ...x, c: cv1.shape.c * 4 }, maker.width(), 1);
  const m = maker.evenPool(maker.draw.pick([1, 3, 5, 5, 7, 9, 13]));
  return { module: maker.block("SPPF", { cv1: only(cv1), cv2: only(cv2), m }), shape: cv2.shape };
};

const even = ({ h, w }: Shape, by: number): boolean => h % by === 0 && w % by === 0;

const focus: MakeBlock = (maker, x) => {
  if (!even(x, 2)) return undefined;
  const made = maker.conv({ c: 4 * x.c, h: x.h / 2, w: x.w / 2 }, maker.width(), maker.draw.pick([1, 3]));
  return { module: maker.block("Focus", { conv: made.module }), shape: made.shape };
};

const contract: MakeBlock = (maker, x) => {
  const gain = maker.draw.pick([2, 2, 3, 4]);
  if (!even(x, gain) || x.c * gain * gain > 128) return undefined;
  return {
    module: moduleOf("models.common.Contract", { gain }),
    shape: { c: x.c * gain * gain, h: x.h / gain, w: x.w / gain },
  };
};

const expand: MakeBlock = (maker, x) => {
  const gain = maker.draw.pick([2, 2, 3]);
  if (x.c % (gain * gain) !== 0) return undefined;
  return {
    module: moduleOf("models.common.Expand", { gain }),
    shape: { c: x.c / (gain * gain), h: x.h * gain, w: x.w * gain },
  };
};

const ghostConv: MakeBlock = (maker, x) => {
  const cv1 = maker.conv(x, maker.width(), maker.draw.pick([1, 3]));
  const { c } = cv1.shape;
  const cv2 = maker.conv(cv1.shape, c, 5, 1, c);
  return {
    module: maker.block("GhostConv", { cv1: only(cv1), cv2: only(cv2) }),
    shape: { ...cv1.shape, c: 2 * c },
  };
};

const ghostBottleneck: MakeBlock = (maker, x) => {
  const stride = maker.draw.pick([1, 2]);
  const main = maker.conv(x, maker.width(), 3, stride);
  const shortcut = maker.conv(x, main.shape.c, 1, stride);
  if (shortcut.shape.h !== main.shape.h || shortcut.shape.w !== main.shape.w) return undefined;
  const children = { conv: maker.sequence([only(main)]), shortcut: maker.sequence([only(shortcut)]) };
  return { module: maker.block("GhostBottleneck", children), shape: main.shape };
};

const transformer: MakeBlock = (maker, x) => {
  const { draw } = maker;
  if (x.h * x.w > 400) return undefined;
  const { c } = x;
  const layer = (): ModuleNode => {
    const linear = (out = c, from = c): ModuleNode => maker.linear(from, out);
    const ma = moduleOf(
      "torch.nn.modules.activation.MultiheadAttention",
      { num_heads: draw.pick(divisors(c, c)) },
      {
        parameters: { in_proj_weight: maker.weight([3 * c, c], c), in_proj_bias: maker.weight([3 * c], 3) },
        children: { out_proj: linear() },
      },
    );
    const hidden = maker.width();
    const children = { q: linear(), k: linear(), v: linear(), ma, fc1: linear(hidden), fc2: linear(c, hidden) };
    return maker.block("TransformerLayer", children);
  };
  const tr = maker.sequence(draw.several(1, 2, layer));
  return { module: maker.block("TransformerBlock", { linear: maker.linear(c, c), tr }), shape: x };
};

const mixConv: MakeBlock = (maker, x) => {
  const { draw } = maker;
  const made = draw.several(1, 3, () => {
    const out = maker.width();
    return maker.conv2d(x, out, draw.pick([1, 3, 5]), 1, draw.pick(divisors(x.c, out)));
  });
  const c = made.reduce((sum, part) => sum + part.shape.c, 0);
  const m = maker.sequence(made.map(only), "torch.nn.modules.container.ModuleList");
  const module = maker.block("MixConv2d", { m, bn: maker.batchNorm(c), act: maker.activation() });
  return { module, shape: { ...x, c } };
};

const pad: MakeBlock = ({ draw }, x) => {
  const padding = draw.several(4, 4, () => draw.pick([0, 0, 1, 1, 2, 5]));
  const [left, right, top, bottom] = padding;
  return {
    module: moduleOf("torch.nn.modules.padding.ZeroPad2d", { padding }),
    shape: { c: x.c, h: x.h + top + bottom, w: x.w + left + right },
  };
};

const upsample: MakeBlock = ({ draw }, x) => {
  const scale = draw.pick([1, 2, 2, 2, 3]);
  return {
    module: moduleOf("torch.nn.modules.upsampling.Upsample", { scale_factor: scale, mode: "nearest" }),
    shape: { c: x.c, h: x.h * scale, w: x.w * scale },
  };
};

const means: MakeBlock = (_, x) => ({
  module: moduleOf("torch.nn.modules.pooling.AdaptiveAvgPool2d", { output_size: 1 }),
  shape: { c: x.c, h: 1, w: 1 },
});

/** Blocks over one value and how often each is drawn. */
export const BLOCKS: readonly (readonly [number, MakeBlock])[] = [
  [8, conv],
  [3, (maker, x) => maker.oddConv2d(x)],
  [2, (maker, x) => maker.transposed(x)],
  [3, bottleneck],
  [4, c3],
  [2, csp],
  [3, c2f],
  [1, c2psa],
  [2, spp],
  [2, sppf],
  [1, focus],
  [1, contract],
  [1, expand],
  [1, ghostConv],
  [1, ghostBottleneck],
  [1, transformer],
  [1, mixConv],
  [1, pad],
  [3, upsample],
  [2, (maker, x) => maker.pool(x)],
  [1, means],
  [1, (maker, x) => ({ module: maker.activation(), shape: x })],
  [1, (maker, x) => ({ module: maker.batchNorm(x.c), shape: x })],
  [1, (maker, x) => ({ module: maker.linear(x.c, x.c), shape: x })],
];
