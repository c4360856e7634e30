/** A case of one op: its attributes and shapes; numbers are drawn when it is built. */

import {
  type Activation,
  type Graph,
  GraphBuilder,
  IDENTITY,
  OPS,
  type OpAttributes,
  type OpType,
} from "../../../src/ops/index.js";
import { type HostTensor, tensor } from "../../../src/tensor/index.js";
import { asFloat64, asHalves, randomTensor } from "../random.js";

export interface OpCase<T extends OpType = OpType> {
  readonly name: string;
  readonly type: T;
  readonly attrs: OpAttributes[T];
  /** Inputs that change from run to run, then the weights. */
  readonly inputs: readonly (readonly number[])[];
  readonly weights: readonly (readonly number[])[];
  /** Products that each output element sums: widens the absolute tolerance. */
  readonly depth: number;
  /** Range of the inputs. Default 1. */
  readonly scale?: number;
}

export const SILU = { kind: "silu" } as const;

const ACTIVATION_OF: { readonly [K in Activation["kind"]]: Extract<Activation, { kind: K }> } = {
  identity: IDENTITY,
  silu: SILU,
  sigmoid: { kind: "sigmoid" },
  relu: { kind: "relu" },
  relu6: { kind: "relu6" },
  leakyRelu: { kind: "leakyRelu", slope: 0.1015625 },
  hardswish: { kind: "hardswish" },
  hardsigmoid: { kind: "hardsigmoid" },
  mish: { kind: "mish" },
  gelu: { kind: "gelu" },
  tanh: { kind: "tanh" },
  elu: { kind: "elu", alpha: 1.5 },
  softplus: { kind: "softplus" },
};

/** One of each kind. */
export const ACTIVATIONS: readonly Activation[] = Object.values(ACTIVATION_OF);

export function simple<T extends OpType>(
  type: T,
  attrs: OpAttributes[T],
  inputs: readonly (readonly number[])[],
  more: { readonly weights?: readonly (readonly number[])[]; readonly depth?: number; readonly scale?: number } = {},
): OpCase {
  const name = `${type} ${inputs.map((shape) => shape.join("×")).join(" ")} ${JSON.stringify(attrs)}`;
  return { name, type, attrs, inputs, weights: [], depth: 1, ...more };
}

/**
 * The case as a graph, its inputs, and what the float64 reference makes of them. `half`: all of them numbers of float16.
 */
export function buildCase<T extends OpType>(
  opCase: OpCase<T>,
  seed = 1,
  half = false,
): { graph: Graph; inputs: HostTensor[]; expected: HostTensor } {
  const random = (...given: Parameters<typeof randomTensor>): HostTensor<"float32"> =>
    half ? asHalves(randomTensor(...given)) : randomTensor(...given);
  const { type, attrs, scale = 1 } = opCase;
  const inputs = opCase.inputs.map((shape, i) => random(shape, seed * 100 + i, scale));
  const weights = opCase.weights.map((shape, i) => {
    const made = random(shape, seed * 100 + 50 + i);
    // A variance is positive.
    if (type === "batchNorm" && i === 3)
      return tensor(
        "float32",
        shape,
        made.data.map((v) => Math.abs(v) + 0.1),
      );
    return made;
  });
  const builder = new GraphBuilder();
  const inputIds = inputs.map((t, i) => builder.input(`x${i}`, t));
  const weightIds = weights.map((t, i) => builder.constant(`w${i}`, t));
  // conv2d takes its residual after the weights.
  const ids = type === "conv2d" ? [inputIds[0], ...weightIds, ...inputIds.slice(1)] : [...inputIds, ...weightIds];
  const values = type === "conv2d" ? [inputs[0], ...weights, ...inputs.slice(1)] : [...inputs, ...weights];
  const output = builder.add(type, "node", ids, attrs);
  builder.tap("node", output);
  const [expected] = OPS[type].reference(values.map(asFloat64), attrs);
  return { graph: builder.finish([output]), inputs, expected };
}
