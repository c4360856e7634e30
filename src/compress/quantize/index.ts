/** int8: calibration on the user's pictures, conversion of module trees. */

export { type Calibration, calibrate } from "./calibrate.js";
export { quantizeModule, quantizeModulePieces } from "./convert.js";
export { Histogram } from "./histogram.js";
export { planQuantization, type QuantizationPlan } from "./plan.js";
export {
  type QuantizationFacts,
  type QuantizedModule,
  type QuantizeOptions,
  quantizeMember,
  quantizeTree,
} from "./quantize.js";
export {
  activationQuantization,
  type CalibrationMethod,
  rangeOf,
} from "./ranges.js";
export { quantizeWeight } from "./weights.js";
