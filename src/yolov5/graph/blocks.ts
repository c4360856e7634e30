/** YOLOv5's own building blocks, v3.0 to v7.0, as graph nodes. */

import { GraphError, UnsupportedError } from "../../errors.js";
import { sigmoid, type ValueId } from "../../ops/index.js";
import { type HostTensor, tensor, toFloat32 } from "../../tensor/index.js";
import type { ModuleNode } from "../../weights/types.js";
import {
  activationOf,
  applyChild,
  type Block,
  type BuildContext,
  booleanAttribute,
  child,
  derive,
  numberAttribute,
  only,
  weight,
} from "./context.js";
import { batchNorm2d, layerNorm, pointwise } from "./layers.js";

const concat = (context: BuildContext, path: string, values: readonly ValueId[]): ValueId =>
  context.builder.add("concat", path, values, { axis: 1 });

/** Applies a block's activation module `name` to a value; a no-op if the block has none. */
function activate(context: BuildContext, module: ModuleNode, path: string, name: string, x: ValueId): ValueId {
  const act = module.children.get(name);
  return act ? context.apply(act, `${path}.${name}`, [x]) : x;
}

/** act(bn(conv(x))); fused files have no `bn`. */
export const convBlock: Block = (context, module, path, inputs) => {
  let x = applyChild(context, module, path, "conv", inputs);
  const bn = module.children.get("bn");
  if (bn) x = context.apply(bn, `${path}.bn`, [x]);
  return activate(context, module, path, "act", x);
};

/** cv2(cv1(x)), plus x with a shortcut; also CrossConv. */
export const bottleneck: Block = (context, module, path, inputs) => {
  const x = only(inputs, path);
  const y = applyChild(context, module, path, "cv2", [applyChild(context, module, path, "cv1", inputs)]);
  return booleanAttribute(module, "add", false) ? context.builder.add("add", path, [x, y], {}) : y;
};

/** cv3(cat(m(cv1(x)), cv2(x))): C3 and, with other modules in `m`, C3x, C3TR, C3SPP, C3Ghost. */
export const c3: Block = (context, module, path, inputs) => {
  const main = applyChild(context, module, path, "m", [applyChild(context, module, path, "cv1", inputs)]);
  const side = applyChild(context, module, path, "cv2", inputs);
  return applyChild(context, module, path, "cv3", [concat(context, `${path}.concat`, [main, side])]);
};

/** cv4(act(bn(cat(cv3(m(cv1(x))), cv2(x))))). */
export const bottleneckCsp: Block = (context, module, path, inputs) => {
  const inner = applyChild(context, module, path, "m", [applyChild(context, module, path, "cv1", inputs)]);
  const main = applyChild(context, module, path, "cv3", [inner]);
  const side = applyChild(context, module, path, "cv2", inputs);
  const joined = concat(context, `${path}.concat`, [main, side]);
  const normed = applyChild(context, module, path, "bn", [joined]);
  return applyChild(context, module, path, "cv4", [activate(context, module, path, "act", normed)]);
};

/** cv2(cat(x', pools of x')), x' = cv1(x). */
export const spp: Block = (context, module, path, inputs) => {
  const x = applyChild(context, module, path, "cv1", inputs);
  const pools = [...child(module, "m", path).children].map(([name, pool]) =>
    context.apply(pool, `${path}.m.${name}`, [x]),
  );
  return applyChild(context, module, path, "cv2", [concat(context, `${path}.concat`, [x, ...pools])]);
};

/** Pools of one SPPF, far beyond the three that networks have. */
const MAX_POOLS = 16;

/** SPP's result from one small pool applied three times, or `n` times; newer ones add x where `add` says so. */
export const sppf: Block = (context, module, path, inputs) => {
  const pool = child(module, "m", path);
  const count = numberAttribute(module, "n", 3, path);
  if (!(Number.isInteger(count) && count >= 0 && count <= MAX_POOLS)) {
    throw new GraphError(`${path}.n must be a whole number of pools up to ${MAX_POOLS}, got ${count}`, { path, count });
  }
  const values = [applyChild(context, module, path, "cv1", inputs)];
  for (let i = 1; i <= count; i++) values.push(context.apply(pool, `${path}.m.${i}`, [values[values.length - 1]]));
  const y = applyChild(context, module, path, "cv2", [concat(context, `${path}.concat`, values)]);
  if (!booleanAttribute(module, "add", false)) return y;
  return context.builder.add("add", `${path}.sum`, [y, only(inputs, path)], {});
};

export const focus: Block = (context, module, path, inputs) => {
  const sliced = context.builder.add("spaceToDepth", `${path}.slice`, [only(inputs, path)], {
    block: 2,
    order: "focus",
  });
  return applyChild(context, module, path, "conv", [sliced]);
};

export const contract: Block = (context, module, path, inputs) => {
  const block = numberAttribute(module, "gain", 2, path);
  return context.builder.add("spaceToDepth", path, [only(inputs, path)], { block, order: "contract" });
};

export const expand: Block = (context, module, path, inputs) => {
  const block = numberAttribute(module, "gain", 2, path);
  return context.builder.add("depthToSpace", path, [only(inputs, path)], { block });
};

/** cat(y, cv2(y)), y = cv1(x). */
export const ghostConv: Block = (context, module, path, inputs) => {
  const y = applyChild(context, module, path, "cv1", inputs);
  return concat(context, path, [y, applyChild(context, module, path, "cv2", [y])]);
};

/** conv(x) + shortcut(x). */
export const ghostBottleneck: Block = (context, module, path, inputs) => {
  const main = applyChild(context, module, path, "conv", inputs);
  const side = applyChild(context, module, path, "shortcut", inputs);
  return context.builder.add("add", path, [main, side], {});
};

/** Rows [start, end) of a matrix or vector, created once per tensor. */
function rows(context: BuildContext, source: HostTensor, start: number, end: number): HostTensor {
  return derive(context.forms, source, `rows ${start}-${end}`, (s) => {
    const { data, shape } = toFloat32(s);
    const step = data.length / shape[0];
    return tensor("float32", [end - start, ...shape.slice(1)], data.slice(start * step, end * step));
  });
}

/** nn.MultiheadAttention on feature maps whose pixels are the tokens. */
function multiheadAttention(
  context: BuildContext,
  module: ModuleNode,
  path: string,
  [q, k, v]: readonly [ValueId, ValueId, ValueId],
): ValueId {
  const inProjection = weight(module, "in_proj_weight", path);
  const bias = module.parameters.get("in_proj_bias");
  const c = inProjection.shape[1];
  const heads = numberAttribute(module, "num_heads", 4, path);
  const projected = [q, k, v].map((x, i) =>
    pointwise(
      context,
      `${path}.in_proj.${i}`,
      x,
      rows(context, inProjection, i * c, (i + 1) * c),
      bias && rows(context, bias, i * c, (i + 1) * c),
    ),
  );
  const attended = context.builder.add("attention", `${path}.attention`, projected, { heads });
  return applyChild(context, module, path, "out_proj", [attended]);
}

/** x + ma(q(x), k(x), v(x)), then + fc2(fc1(·)); with LayerNorms before each half if the module has them. */
export const transformerLayer: Block = (context, module, path, inputs) => {
  const norm = (name: string, value: ValueId): ValueId => {
    const found = module.children.get(name);
    return found ? layerNorm(context, found, `${path}.${name}`, [value]) : value;
  };
  const x = only(inputs, path);
  const normed = norm("ln1", x);
  const attended = multiheadAttention(context, child(module, "ma", path), `${path}.ma`, [
    applyChild(context, module, path, "q", [normed]),
    applyChild(context, module, path, "k", [normed]),
    applyChild(context, module, path, "v", [normed]),
  ]);
  const y = context.builder.add("add", `${path}.attended`, [attended, x], {});
  const hidden = applyChild(context, module, path, "fc1", [norm("ln2", y)]);
  const fed = applyChild(context, module, path, "fc2", [hidden]);
  return context.builder.add("add", path, [fed, y], {});
};

/** tr(p + linear(p)), where the tokens p are the pixels of x (after `conv` if channels change). */
export const transformerBlock: Block = (context, module, path, inputs) => {
  const x = module.children.has("conv") ? applyChild(context, module, path, "conv", inputs) : only(inputs, path);
  const embedded = applyChild(context, module, path, "linear", [x]);
  const tokens = context.builder.add("add", `${path}.embedded`, [x, embedded], {});
  return applyChild(context, module, path, "tr", [tokens]);
};

/** act(bn(cat(convolutions with several kernel sizes))). */
export const mixConv2d: Block = (context, module, path, inputs) => {
  const parts = [...child(module, "m", path).children].map(([name, conv]) =>
    context.apply(conv, `${path}.m.${name}`, inputs),
  );
  const joined = concat(context, `${path}.concat`, parts);
  const normed = batchNorm2d(context, child(module, "bn", path), `${path}.bn`, [joined]);
  return activate(context, module, path, "act", normed);
};

/** Sum of layers; weighted: the later ones by 2·σ(w). */
export const sum: Block = (context, module, path, inputs) => {
  const { builder } = context;
  if (!booleanAttribute(module, "weight", false)) return builder.add("add", path, inputs, {});
  const factors = toFloat32(weight(module, "w", path)).data;
  const scaled = inputs.map((x, i) =>
    i === 0 ? x : builder.add("scale", `${path}.scale.${i}`, [x], { factor: 2 * sigmoid(factors[i - 1]) }),
  );
  return builder.add("add", path, scaled, {});
};

export const concatBlock: Block = (context, module, path, inputs) => {
  const axis = numberAttribute(module, "d", 1, path);
  return inputs.length === 1 ? inputs[0] : context.builder.add("concat", path, inputs, { axis });
};

/** Segmentation's prototypes: cv3(cv2(upsample(cv1(x)))). */
export const proto: Block = (context, module, path, inputs) => {
  const x = applyChild(context, module, path, "upsample", [applyChild(context, module, path, "cv1", inputs)]);
  return applyChild(context, module, path, "cv3", [applyChild(context, module, path, "cv2", [x])]);
};

/** Classification head: conv, global mean, linear → logits [N, classes]; before v6.2: global mean, conv. */
export const classify: Block = (context, module, path, inputs) => {
  if (module.children.has("aap")) {
    const means = inputs.map((x, i) => context.builder.add("globalAveragePool", `${path}.aap.${i}`, [x], {}));
    const joined = means.length === 1 ? means[0] : concat(context, `${path}.concat`, means);
    return context.builder.add("flatten", path, [applyChild(context, module, path, "conv", [joined])], {});
  }
  const x = inputs.length === 1 ? inputs[0] : concat(context, `${path}.concat`, inputs);
  let y = module.children.has("conv") ? applyChild(context, module, path, "conv", [x]) : x;
  y = context.builder.add("globalAveragePool", `${path}.pool`, [y], {});
  const head = module.children.get("linear");
  if (!head) throw new UnsupportedError(`${path} (${module.className}) has no linear layer`, { path });
  y = context.apply(head, `${path}.linear`, [y]);
  return context.builder.add("flatten", path, [y], {});
};

/** A standalone activation module. */
export const activationBlock: Block = (context, module, path, inputs) => {
  const activation = activationOf(module, path);
  if (!activation) throw new GraphError(`${path}: ${module.className} is not an activation`, { path });
  const x = only(inputs, path);
  return activation.kind === "identity" ? x : context.builder.add("activation", path, [x], { activation });
};
