/** The context for translating modules into graph nodes, with access to attributes of pickled modules. */

import { GraphError, UnsupportedError, WeightError } from "../../errors.js";
import { type Activation, type Float32Cache, GraphBuilder, type Pair, type ValueId } from "../../ops/index.js";
import type { HostTensor } from "../../tensor/index.js";
import { describeValue, scalarNumber } from "../../weights/describe.js";
import type { ModuleNode, PlainValue } from "../../weights/types.js";

/** A module applied to values; `path` is PyTorch's (`model.2.cv1`). */
export type Block = (context: BuildContext, module: ModuleNode, path: string, inputs: readonly ValueId[]) => ValueId;

/**
 * Weights in the forms used by graphs (float32, reshaped, split), keyed by the checkpoint's tensor. Graphs of one
 * model at several sizes share them, and backends upload each once.
 */
export interface WeightForms {
  readonly float32: Float32Cache;
  readonly derived: WeakMap<HostTensor, Map<string, HostTensor>>;
}

export function createWeightForms(): WeightForms {
  return { float32: new WeakMap(), derived: new WeakMap() };
}

export interface BuildContext {
  readonly builder: GraphBuilder;
  readonly forms: WeightForms;
  /** Translates a child module by its class; registered blocks call back through this. */
  apply(module: ModuleNode, path: string, inputs: readonly ValueId[]): ValueId;
}

export function createContext(forms: WeightForms, apply: Block): BuildContext {
  const context: BuildContext = {
    builder: new GraphBuilder(forms.float32),
    forms,
    apply(module, path, inputs) {
      const output = apply(context, module, path, inputs);
      context.builder.tap(path, output);
      return output;
    },
  };
  return context;
}

/** @throws WeightError if the module has no such child. */
export function child(module: ModuleNode, name: string, path: string): ModuleNode {
  const found = module.children.get(name);
  if (!found) throw new WeightError(`${path} (${module.className}) has no submodule ${name}`, { path, name });
  return found;
}

/** Applies the named child to the inputs. */
export function applyChild(
  context: BuildContext,
  module: ModuleNode,
  path: string,
  name: string,
  inputs: readonly ValueId[],
): ValueId {
  return context.apply(child(module, name, path), `${path}.${name}`, inputs);
}

/** @throws WeightError if the module has no such parameter or buffer. */
export function weight(module: ModuleNode, name: string, path: string): HostTensor {
  const found = module.parameters.get(name) ?? module.buffers.get(name);
  if (!found) throw new WeightError(`${path} (${module.className}) has no tensor ${name}`, { path, name });
  return found;
}

/** The only input. @throws GraphError if there are several. */
export function only(inputs: readonly ValueId[], path: string): ValueId {
  if (inputs.length !== 1) throw new GraphError(`${path} takes one input, got ${inputs.length}`, { path });
  return inputs[0];
}

/** A derived form of a weight, created once per checkpoint tensor. */
export function derive(
  forms: WeightForms,
  source: HostTensor,
  key: string,
  make: (source: HostTensor) => HostTensor,
): HostTensor {
  let forSource = forms.derived.get(source);
  if (!forSource) {
    forSource = new Map();
    forms.derived.set(source, forSource);
  }
  let result = forSource.get(key);
  if (!result) {
    result = make(source);
    forSource.set(key, result);
  }
  return result;
}

/** A numeric attribute, or the default if it is missing. @throws GraphError for anything else. */
export function numberAttribute(module: ModuleNode, name: string, fallback: number, path: string): number {
  const value = module.attributes.get(name);
  if (value === undefined || value === null) return fallback;
  const number = scalarNumber(value);
  if (number === undefined) {
    throw new GraphError(`${path}.${name} must be a number, got ${describeValue(value)}`, { path, name });
  }
  return number;
}

/** A pair attribute given as one or two numbers, or `fallback` if it is missing. */
export function pairAttribute(module: ModuleNode, name: string, fallback: Pair, path: string): Pair {
  const value = module.attributes.get(name);
  if (value === undefined || value === null) return fallback;
  const parts: readonly PlainValue[] = Array.isArray(value) ? value : [value];
  const first = scalarNumber(parts[0]);
  const second = parts.length === 1 ? first : scalarNumber(parts[1]);
  if (first !== undefined && second !== undefined && parts.length <= 2) return [first, second];
  throw new GraphError(`${path}.${name} must be one or two numbers, got ${describeValue(value)}`, { path, name });
}

export function booleanAttribute(module: ModuleNode, name: string, fallback: boolean): boolean {
  const value = module.attributes.get(name);
  return typeof value === "boolean" ? value : fallback;
}

/** The activation for a module class; undefined if it is not one. Defaults are PyTorch's. */
export function activationOf(module: ModuleNode, path: string): Activation | undefined {
  switch (module.type) {
    case "SiLU":
    case "Swish":
    case "MemoryEfficientSwish":
      return { kind: "silu" };
    case "Identity":
    case "Dropout":
    case "Dropout2d":
      return { kind: "identity" };
    case "ReLU":
      return { kind: "relu" };
    case "ReLU6":
      return { kind: "relu6" };
    case "LeakyReLU":
      return { kind: "leakyRelu", slope: numberAttribute(module, "negative_slope", 0.01, path) };
    case "Hardswish":
      return { kind: "hardswish" };
    case "Hardsigmoid":
      return { kind: "hardsigmoid" };
    case "Sigmoid":
      return { kind: "sigmoid" };
    case "Mish":
    case "MemoryEfficientMish":
      return { kind: "mish" };
    case "GELU":
      if (module.attributes.get("approximate") === "tanh") {
        throw new UnsupportedError(`${path}: GELU with the tanh approximation is not supported`, { path });
      }
      return { kind: "gelu" };
    case "Tanh":
      return { kind: "tanh" };
    case "ELU":
      return { kind: "elu", alpha: numberAttribute(module, "alpha", 1, path) };
    case "Softplus":
      if (numberAttribute(module, "beta", 1, path) !== 1 || numberAttribute(module, "threshold", 20, path) !== 20) {
        throw new UnsupportedError(`${path}: Softplus with a non-default beta or threshold is not supported`, { path });
      }
      return { kind: "softplus" };
    default:
      return undefined;
  }
}
