/** What trains a network: a step for one input shape, compiled once and replayed. */

import { invariant } from "../errors.js";
import type { TrainingGraph } from "../ops/gradients/index.js";
import type { HostTensor } from "../tensor/index.js";

export interface TrainingOptions {
  /** Most bytes of values that a step may keep; beyond, activations are computed again. Default: no limit. */
  readonly bytes?: number | undefined;
  /** Values of the graph whose gradients `backward` gives behind those of the parameters. */
  readonly extra?: readonly { readonly gradient: number }[] | undefined;
}

/** A weight that is trained. */
export interface TrainedParameter {
  /** Of the constant in the graph: `model.0.conv.weight`. */
  readonly name: string;
  readonly shape: readonly number[];
  /** Changed in place by whoever trains; `update` makes it known to the device. */
  readonly data: Float32Array;
}

export interface Trainer {
  readonly parameters: readonly TrainedParameter[];
  /** Of all memory. */
  readonly bytes: number;
  /** @returns what the network gives: views that are valid until the next call */
  forward(inputs: readonly Float32Array[]): Promise<readonly Float32Array[]>;
  /**
   * After `forward`.
   * @param seeds gradients of the loss with respect to the results
   * @returns gradients of the parameters, then those asked for in addition: views that are valid until the next call
   */
  backward(seeds: readonly Float32Array[]): Promise<readonly Float32Array[]>;
  update(): Promise<void>;
  dispose(): void;
}

/** The weights that a step trains, as the graph has them. */
export function parametersOf(graph: TrainingGraph): TrainedParameter[] {
  return graph.parameters.map(({ value }) => {
    const constant = graph.constants.get(value);
    invariant(constant?.dtype === "float32", `parameter ${value} is no float32 constant`);
    const { data, shape } = constant as HostTensor<"float32">;
    return { name: graph.values[value].name, shape, data };
  });
}
