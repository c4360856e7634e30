/** Modules that stand for ONNX's operators: those of PyTorch if there are any, else those of `graph/exported.ts`. */

import type { Activation, Pair } from "../../../ops/index.js";
import type { HostTensor } from "../../../tensor/index.js";
import type { ModuleNode, PlainValue } from "../../../weights/types.js";

export interface ModuleParts {
  readonly attributes?: Readonly<Record<string, PlainValue>>;
  readonly parameters?: Readonly<Record<string, HostTensor | undefined>>;
  readonly buffers?: Readonly<Record<string, HostTensor>>;
  readonly children?: readonly (readonly [name: string, module: ModuleNode])[];
}

/** @param className with its package: `torch.nn.Conv2d`. */
export function moduleOf(className: string, parts: ModuleParts = {}): ModuleNode {
  const tensors = (given: Readonly<Record<string, HostTensor | undefined>> = {}): Map<string, HostTensor> =>
    new Map(Object.entries(given).filter((entry): entry is [string, HostTensor] => entry[1] !== undefined));
  return {
    kind: "module",
    type: className.slice(className.lastIndexOf(".") + 1),
    className,
    attributes: new Map(Object.entries(parts.attributes ?? {})),
    parameters: tensors(parts.parameters),
    buffers: tensors(parts.buffers),
    children: new Map(parts.children ?? []),
  };
}

/** Children numbered from 0: `ModuleList`, `Sequential`. */
export const listOf = (className: string, modules: readonly ModuleNode[]): ModuleNode =>
  moduleOf(className, { children: modules.map((module, i) => [String(i), module] as const) });

/** Modules in sequence; a single one is returned unchanged. */
export const inSequence = (modules: readonly ModuleNode[]): ModuleNode =>
  modules.length === 1 ? modules[0] : listOf("torch.nn.Sequential", modules);

export interface ConvAttributes {
  readonly stride: Pair;
  readonly padding: Pair;
  readonly dilation: Pair;
  readonly groups: number;
}

export const convOf = (
  weight: HostTensor,
  bias: HostTensor | undefined,
  { stride, padding, dilation, groups }: ConvAttributes,
): ModuleNode =>
  moduleOf("torch.nn.Conv2d", { attributes: { stride, padding, dilation, groups }, parameters: { weight, bias } });

/** Every channel times `weight`, plus `bias`: both [channels]. */
export function channelwise(weight: Float32Array, bias: Float32Array | undefined): ModuleNode {
  const channels = weight.length;
  return convOf(
    { dtype: "float32", shape: [channels, 1, 1, 1], data: weight },
    bias && { dtype: "float32", shape: [channels], data: bias },
    { stride: [1, 1], padding: [0, 0], dilation: [1, 1], groups: channels },
  );
}

const ACTIVATIONS: { readonly [K in Activation["kind"]]: string } = {
  identity: "Identity",
  silu: "SiLU",
  sigmoid: "Sigmoid",
  relu: "ReLU",
  relu6: "ReLU6",
  leakyRelu: "LeakyReLU",
  hardswish: "Hardswish",
  hardsigmoid: "Hardsigmoid",
  mish: "Mish",
  gelu: "GELU",
  tanh: "Tanh",
  elu: "ELU",
  softplus: "Softplus",
};

const NAMES = new Set(Object.values(ACTIVATIONS));

export function activationModule(activation: Activation): ModuleNode {
  const attributes =
    activation.kind === "leakyRelu"
      ? { negative_slope: activation.slope }
      : activation.kind === "elu"
        ? { alpha: activation.alpha }
        : {};
  return moduleOf(`torch.nn.${ACTIVATIONS[activation.kind]}`, { attributes });
}

export const isActivation = (module: ModuleNode): boolean => NAMES.has(module.type);
