/** torch.nn modules as graph nodes. */

import { GraphError, UnsupportedError } from "../../errors.js";
import { IDENTITY, type Pair, type ValueId } from "../../ops/index.js";
import { elementCount, type HostTensor, reshape, tensor, toFloat32 } from "../../tensor/index.js";
import { describeValue, scalarNumber } from "../../weights/describe.js";
import type { ModuleNode, PlainValue } from "../../weights/types.js";
import { quantizedWeight } from "../checkpoint/quantized.js";
import {
  type Block,
  type BuildContext,
  booleanAttribute,
  derive,
  numberAttribute,
  only,
  pairAttribute,
  weight,
} from "./context.js";

/** A constant for one tensor of a module. */
export function constantOf(context: BuildContext, module: ModuleNode, name: string, path: string): ValueId {
  return context.builder.constant(`${path}.${name}`, weight(module, name, path));
}

/** Zero padding only: anything else would silently change the numbers. */
function checkPaddingMode(module: ModuleNode, path: string): void {
  const mode = module.attributes.get("padding_mode");
  if (mode !== undefined && mode !== null && mode !== "zeros") {
    throw new UnsupportedError(`${path}: padding_mode ${describeValue(mode)} is not supported, only zeros`, { path });
  }
}

/** `padding="same"` (odd kernels) or numbers; absent: half the kernel, YOLOv5's own default. */
function paddingOf(module: ModuleNode, kernel: Pair, dilation: Pair, path: string): Pair {
  const value = module.attributes.get("padding");
  if (value === "valid") return [0, 0];
  if (value === "same") {
    const reach: Pair = [dilation[0] * (kernel[0] - 1), dilation[1] * (kernel[1] - 1)];
    if (reach.some((r) => r % 2 !== 0)) {
      throw new UnsupportedError(`${path}: padding "same" with an even kernel ${kernel.join("×")} is not supported`);
    }
    return [reach[0] / 2, reach[1] / 2];
  }
  return pairAttribute(module, "padding", [Math.floor(kernel[0] / 2), Math.floor(kernel[1] / 2)], path);
}

export const conv2d: Block = (context, module, path, inputs) => {
  checkPaddingMode(module, path);
  const { builder } = context;
  const x = only(inputs, path);
  const filter = weight(module, "weight", path);
  const kernel: Pair = [filter.shape[2], filter.shape[3]];
  const dilation = pairAttribute(module, "dilation", [1, 1], path);
  const hasBias = module.parameters.has("bias");
  const quantized = quantizedWeight(context.forms, module, path);
  const operands = [
    x,
    quantized ? builder.constant(`${path}.weight`, quantized.weight) : constantOf(context, module, "weight", path),
  ];
  if (hasBias) operands.push(constantOf(context, module, "bias", path));
  return builder.add("conv2d", path, operands, {
    stride: pairAttribute(module, "stride", [1, 1], path),
    padding: paddingOf(module, kernel, dilation, path),
    dilation,
    // For a module rebuilt from a state dict, only the shapes reveal the groups.
    groups: numberAttribute(module, "groups", builder.shape(x)[1] / filter.shape[1], path),
    activation: IDENTITY,
    hasBias,
    hasResidual: false,
    ...(quantized ? { quantization: quantized.quantization } : {}),
  });
};

export const convTranspose2d: Block = (context, module, path, inputs) => {
  checkPaddingMode(module, path);
  const hasBias = module.parameters.has("bias");
  const operands = [only(inputs, path), constantOf(context, module, "weight", path)];
  if (hasBias) operands.push(constantOf(context, module, "bias", path));
  return context.builder.add("convTranspose2d", path, operands, {
    stride: pairAttribute(module, "stride", [1, 1], path),
    padding: pairAttribute(module, "padding", [0, 0], path),
    dilation: pairAttribute(module, "dilation", [1, 1], path),
    outputPadding: pairAttribute(module, "output_padding", [0, 0], path),
    groups: numberAttribute(module, "groups", 1, path),
    activation: IDENTITY,
    hasBias,
  });
};

/** γ = 1 and β = 0 for `affine=False`. */
function affine(context: BuildContext, module: ModuleNode, name: "weight" | "bias", path: string): ValueId {
  if (module.parameters.has(name)) return constantOf(context, module, name, path);
  const mean = weight(module, "running_mean", path);
  const fill = name === "weight" ? 1 : 0;
  const make = (): HostTensor => tensor("float32", mean.shape, new Float32Array(mean.data.length).fill(fill));
  return context.builder.constant(`${path}.${name}`, derive(context.forms, mean, name, make));
}

/** YOLOv5 sets eps to 1e-3 on every BatchNorm; used if the file does not record it. */
export const DEFAULT_BATCH_NORM_EPS = 1e-3;

export const batchNorm2d: Block = (context, module, path, inputs) =>
  context.builder.add(
    "batchNorm",
    path,
    [
      only(inputs, path),
      affine(context, module, "weight", path),
      affine(context, module, "bias", path),
      constantOf(context, module, "running_mean", path),
      constantOf(context, module, "running_var", path),
    ],
    { eps: numberAttribute(module, "eps", DEFAULT_BATCH_NORM_EPS, path) },
  );

/** Normalises over channels at each pixel: nn.LayerNorm in a transformer layer whose tokens are pixels. */
export const layerNorm: Block = (context, module, path, inputs) =>
  context.builder.add(
    "layerNorm",
    path,
    [only(inputs, path), constantOf(context, module, "weight", path), constantOf(context, module, "bias", path)],
    { eps: numberAttribute(module, "eps", 1e-5, path) },
  );

/** A 1×1 convolution with the given [O, I] weight, as nn.Linear applied to every pixel. */
export function pointwise(
  context: BuildContext,
  path: string,
  x: ValueId,
  matrix: HostTensor,
  bias: HostTensor | undefined,
): ValueId {
  const { builder, forms } = context;
  const filter = derive(forms, matrix, "1x1", (m) => {
    const source = toFloat32(m);
    return reshape(source, [source.shape[0], elementCount(source.shape.slice(1)), 1, 1]);
  });
  const operands = [x, builder.constant(`${path}.weight`, filter)];
  if (bias) operands.push(builder.constant(`${path}.bias`, bias));
  return builder.add("conv2d", path, operands, {
    stride: [1, 1],
    padding: [0, 0],
    dilation: [1, 1],
    groups: 1,
    activation: IDENTITY,
    hasBias: bias !== undefined,
    hasResidual: false,
  });
}

export const linear: Block = (context, module, path, inputs) =>
  pointwise(context, path, only(inputs, path), weight(module, "weight", path), module.parameters.get("bias"));

export const maxPool2d: Block = (context, module, path, inputs) => {
  const kernel = pairAttribute(module, "kernel_size", [2, 2], path);
  return context.builder.add("maxPool2d", path, [only(inputs, path)], {
    kernel,
    stride: pairAttribute(module, "stride", kernel, path),
    padding: pairAttribute(module, "padding", [0, 0], path),
    dilation: pairAttribute(module, "dilation", [1, 1], path),
    ceilMode: booleanAttribute(module, "ceil_mode", false),
  });
};

export const zeroPad2d: Block = (context, module, path, inputs) => {
  const value = module.attributes.get("padding") ?? 0;
  const sides: readonly PlainValue[] = Array.isArray(value) ? value : [value, value, value, value];
  const [left, right, top, bottom] = sides.slice(0, 4).map(scalarNumber);
  if (sides.length !== 4 || left === undefined || right === undefined || top === undefined || bottom === undefined) {
    throw new GraphError(`${path}.padding must be four numbers, got ${describeValue(value)}`, { path });
  }
  return context.builder.add("pad2d", path, [only(inputs, path)], { padding: [left, right, top, bottom], value: 0 });
};

export const upsample: Block = (context, module, path, inputs) => {
  const x = only(inputs, path);
  const mode = module.attributes.get("mode") ?? "nearest";
  if (mode !== "nearest") {
    throw new UnsupportedError(`${path}: upsampling mode ${describeValue(mode)} is not supported, only nearest`, {
      path,
    });
  }
  const [, , h, w] = context.builder.shape(x);
  const size = module.attributes.get("size");
  let scale = pairAttribute(module, "scale_factor", [2, 2], path);
  if (size !== undefined && size !== null) {
    const wanted = pairAttribute(module, "size", [0, 0], path);
    scale = [wanted[0] / h, wanted[1] / w];
  }
  if (!scale.every(Number.isInteger)) {
    throw new UnsupportedError(`${path}: upsampling by ${scale.join("×")} is not supported, only whole factors`, {
      path,
    });
  }
  return scale[0] === 1 && scale[1] === 1 ? x : context.builder.add("upsampleNearest", path, [x], { scale });
};

export const adaptiveAvgPool2d: Block = (context, module, path, inputs) => {
  const [h, w] = pairAttribute(module, "output_size", [1, 1], path);
  if (h !== 1 || w !== 1) {
    throw new UnsupportedError(`${path}: adaptive pooling to ${h}×${w} is not supported, only 1×1`, { path });
  }
  return context.builder.add("globalAveragePool", path, [only(inputs, path)], {});
};

export const sequential: Block = (context, module, path, inputs) => {
  let values = inputs;
  for (const [name, part] of module.children) values = [context.apply(part, `${path}.${name}`, values)];
  return only(values, path);
};
