/** Activation functions as kernel source, with the formulas of the other float32 backends. */

import type { Activation } from "../../../ops/index.js";
import { literal } from "./dialect.js";

/** Statements that compute `output` from `input`; helper names start with `output`. */
export function activate(activation: Activation, input: string, output: string): string {
  const x = input;
  switch (activation.kind) {
    case "identity":
      return `const ${output} = ${x};`;
    case "silu":
      return `const ${output} = ${x} / (1 + Math.exp(-${x}));`;
    case "sigmoid":
      return `const ${output} = 1 / (1 + Math.exp(-${x}));`;
    case "relu":
      return `const ${output} = Math.max(${x}, 0);`;
    case "relu6":
      return `const ${output} = Math.min(Math.max(${x}, 0), 6);`;
    case "leakyRelu":
      return `const ${output} = (${x} < 0 ? ${x} * ${literal(activation.slope)} : ${x});`;
    case "hardswish":
      return `const ${output} = ${x} * Math.min(Math.max(${x} + 3, 0), 6) / 6;`;
    case "hardsigmoid":
      return `const ${output} = Math.min(Math.max(${x} + 3, 0), 6) / 6;`;
    case "mish":
      // tanh(ln(1 + e)) = e(e + 2) ÷ (e(e + 2) + 2); beyond 20 it is 1 in float32.
      return (
        `const ${output}e = Math.exp(Math.min(${x}, 20)); const ${output}t = ${output}e * (${output}e + 2); ` +
        `const ${output} = ${x} * (${output}t / (${output}t + 2));`
      );
    case "gelu":
      // The error function, Abramowitz and Stegun 7.1.26 (absolute error below 1.5e-7).
      return (
        `const ${output}a = Math.abs(${x}) * 0.70710678118; const ${output}t = 1 / (1 + 0.3275911 * ${output}a); ` +
        `const ${output}p = ${output}t * (0.254829592 + ${output}t * (-0.284496736 + ${output}t * (1.421413741 + ` +
        `${output}t * (-1.453152027 + ${output}t * 1.061405429)))); ` +
        `const ${output}r = 1 - ${output}p * Math.exp(-Math.min(${output}a * ${output}a, 80)); ` +
        `const ${output} = 0.5 * ${x} * (${x} < 0 ? 1 - ${output}r : 1 + ${output}r);`
      );
    case "tanh":
      return `const ${output} = 2 / (1 + Math.exp(-2 * ${x})) - 1;`;
    case "elu":
      return `const ${output} = (${x} > 0 ? ${x} : ${literal(activation.alpha)} * (Math.exp(Math.min(${x}, 0)) - 1));`;
    case "softplus":
      return `const ${output} = Math.max(${x}, 0) + Math.log(1 + Math.exp(-Math.abs(${x})));`;
  }
}
