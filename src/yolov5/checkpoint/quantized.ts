/**
 * Quantized convolutions of a module tree: int8 weights [O, I, kh, kw] with one scale per output channel, and the
 * calibrated scale and zero point of the input; where only these stand beside floating-point weights, the weights are rounded to
 * fifteen bits here. In the graph the weights are float32 (integer × scale), so that every
 * backend can run them; `quantization` enables integer kernels.
 */

import { WeightError } from "../../errors.js";
import { type ConvQuantization, wideScales, wideWeight } from "../../ops/index.js";
import { type Float32Tensor, formatShape, type HostTensor, tensor, toFloat32 } from "../../tensor/index.js";
import { walkModules } from "../../weights/index.js";
import type { ModuleNode } from "../../weights/types.js";
import { derive, type WeightForms } from "../graph/context.js";
import { INPUT_SCALE, INPUT_ZERO_POINT, WEIGHT_SCALE } from "./quantizedNames.js";

/** Integers × the scale of their output channel. `weight` is [O, …], `scales` [O]. */
export function dequantizeWeight(weight: HostTensor<"int8">, scales: Float32Array): HostTensor<"float32"> {
  const { data, shape } = weight;
  const perOutput = data.length / shape[0];
  const values = new Float32Array(data.length);
  for (let i = 0; i < data.length; i++) values[i] = data[i] * scales[Math.floor(i / perOutput)];
  return tensor("float32", shape, values);
}

/** True for a tree with at least one int8 convolution. */
export function isQuantized(module: ModuleNode): boolean {
  let found = false;
  walkModules(module, ({ parameters }) => {
    found ||= parameters.get("weight")?.dtype === "int8";
  });
  return found;
}

function one(module: ModuleNode, name: string, path: string): number {
  const stored = module.buffers.get(name) ?? module.parameters.get(name);
  if (stored?.data.length !== 1) {
    throw new WeightError(`${path}.${name} must be one number in an int8 model; export the model again`, {
      path,
    });
  }
  return Number(stored.data[0]);
}

/**
 * A quantized convolution's weight as float32 (created once per tensor) and its quantization; undefined for others.
 * @throws WeightError for missing or invalid scales.
 */
export function quantizedWeight(
  forms: WeightForms,
  module: ModuleNode,
  path: string,
): { readonly weight: HostTensor; readonly quantization: ConvQuantization } | undefined {
  const stored = module.parameters.get("weight");
  if (stored?.dtype !== "int8") {
    if (!stored || !(module.buffers.has(INPUT_SCALE) || module.parameters.has(INPUT_SCALE))) return undefined;
    const input = inputOf(module, path);
    const scales = derive(forms, stored, "wide scales", () => wideScales(toFloat32(stored))) as Float32Tensor;
    const weight = derive(forms, stored, "wide", () => wideWeight(toFloat32(stored), scales));
    return { weight, quantization: { ...input, weightScales: scales.data, wide: true } };
  }
  const scales = module.buffers.get(WEIGHT_SCALE) ?? module.parameters.get(WEIGHT_SCALE);
  const [outputs] = stored.shape;
  if (scales?.dtype !== "float32" || scales.data.length !== outputs) {
    const got = scales ? `${scales.dtype} [${formatShape(scales.shape)}]` : "nothing";
    throw new WeightError(
      `${path}.${WEIGHT_SCALE} must be float32 [${outputs}] for an int8 weight, got ${got}; export the model again`,
      { path },
    );
  }
  const weightScales = scales.data as Float32Array;
  const input = inputOf(module, path);
  if (!weightScales.every(positive)) {
    throw new WeightError(`${path}: its scales must be finite and above 0; export the model again`, { path });
  }
  const weight = derive(forms, stored, "dequantized", () =>
    dequantizeWeight(stored as HostTensor<"int8">, weightScales),
  );
  return { weight, quantization: { ...input, weightScales } };
}

const positive = (value: number): boolean => value > 0 && Number.isFinite(value);

function inputOf(module: ModuleNode, path: string): Pick<ConvQuantization, "inputScale" | "inputZeroPoint"> {
  const inputScale = one(module, INPUT_SCALE, path);
  const inputZeroPoint = one(module, INPUT_ZERO_POINT, path);
  if (!positive(inputScale)) {
    throw new WeightError(`${path}: its scales must be finite and above 0; export the model again`, { path });
  }
  if (!Number.isInteger(inputZeroPoint) || inputZeroPoint < 0 || inputZeroPoint > 255) {
    throw new WeightError(`${path}.${INPUT_ZERO_POINT} must be 0 to 255, got ${inputZeroPoint}`, { path });
  }
  return { inputScale, inputZeroPoint };
}
