/** Overrides of `activation.wgsl`. */

import { type Activation, activationParameters } from "../../../ops/attributes.js";

const CODES: Readonly<Record<Activation["kind"], number>> = {
  identity: 0,
  silu: 1,
  sigmoid: 2,
  relu: 3,
  relu6: 4,
  leakyRelu: 5,
  hardswish: 6,
  hardsigmoid: 7,
  mish: 8,
  gelu: 9,
  tanh: 10,
  elu: 11,
  softplus: 12,
};

/** ACTIVATION and, where the function has one, ACTIVATION_PARAMETER. */
export function activationOverrides(activation: Activation): Record<string, number> {
  const [parameter] = activationParameters(activation);
  return {
    ACTIVATION: CODES[activation.kind],
    ...(parameter !== undefined && { ACTIVATION_PARAMETER: parameter }),
  };
}
