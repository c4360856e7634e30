/** A module tree with the planned convolutions in int8: BatchNorm folded, scales stored next to the weights. */

import { atOnce, type Pieces } from "../../breathe.js";
import { float32ArrayToHalf, type HostTensor, tensor, toFloat32 } from "../../tensor/index.js";
import type { ModuleNode } from "../../weights/types.js";
import { INPUT_SCALE, INPUT_ZERO_POINT, WEIGHT_SCALE } from "../../yolov5/checkpoint/quantizedNames.js";
import type { Calibration } from "./calibrate.js";
import { modulePaths, type QuantizationPlan } from "./plan.js";
import type { ActivationQuantization } from "./ranges.js";
import { quantizeWeight } from "./weights.js";

/** The largest float16 value. */
const LARGEST_HALF = 65504;

/**
 * Weights that stay floating-point are stored as float16, as in released checkpoints; everything else keeps its type.
 */
function shrink(name: string, source: HostTensor): HostTensor {
  if (name !== "weight" || source.shape.length < 2 || source.dtype !== "float32") return source;
  const { data } = toFloat32(source);
  if (data.some((value) => Math.abs(value) > LARGEST_HALF)) return source;
  return tensor("float16", source.shape, float32ArrayToHalf(data));
}

const inputTensors = ({ scale, zeroPoint }: ActivationQuantization): [string, HostTensor][] => [
  [INPUT_SCALE, tensor("float32", [1], Float32Array.of(scale))],
  [INPUT_ZERO_POINT, tensor("uint8", [1], Uint8Array.of(zeroPoint))],
];

/** The quantized tree. Wiring, names and all other tensors stay. */
export function quantizeModule(root: ModuleNode, plan: QuantizationPlan, calibration: Calibration): ModuleNode {
  return atOnce(quantizeModulePieces(root, plan, calibration));
}

/** The same in pieces, one module each. */
export function* quantizeModulePieces(
  root: ModuleNode,
  plan: QuantizationPlan,
  { activations }: Calibration,
): Pieces<ModuleNode> {
  const paths = modulePaths(root);
  function* convert(module: ModuleNode): Pieces<ModuleNode> {
    yield;
    const path = paths.get(module);
    const node = path === undefined ? undefined : plan.convolutions.get(path);
    const input = path === undefined ? undefined : activations.get(path);
    const weight = node && plan.graph.constants.get(node.inputs[1]);
    const wide = path !== undefined && plan.wide.has(path) ? input : undefined;
    if (node && input && weight) {
      const { weight: whole, scales } = quantizeWeight(weight);
      const bias = node.attrs.hasBias ? plan.graph.constants.get(node.inputs[2]) : undefined;
      return {
        ...module,
        parameters: new Map<string, HostTensor>([["weight", whole], ...(bias ? [["bias", bias] as const] : [])]),
        buffers: new Map<string, HostTensor>([[WEIGHT_SCALE, scales], ...inputTensors(input)]),
      };
    }
    const children = new Map<string, ModuleNode>();
    for (const [name, part] of module.children) {
      if (!plan.folded.has(paths.get(part) ?? "")) children.set(name, yield* convert(part));
    }
    const parameters = new Map([...module.parameters].map(([name, value]) => [name, shrink(name, value)]));
    const buffers = new Map([...module.buffers, ...(wide ? inputTensors(wide) : [])]);
    return { ...module, parameters, buffers, children };
  }
  return yield* convert(root);
}
