/** ONNX's operators computed on the host: for constants, and for the decoding of heads. Opsets 9 to 25. */

import { ELEMENTWISE } from "./elementwise.js";
import { MOVES } from "./moves.js";
import { PICKS } from "./picks.js";
import { SUMS } from "./sums.js";
import { type Call, type OnnxValue, type Operator, refuse } from "./value.js";

export * from "./shapes.js";
export {
  about,
  axisOf,
  type Call,
  floatAttribute,
  fromTensor,
  intAttribute,
  integers,
  intsAttribute,
  intsOf,
  Meter,
  makeValue,
  type OnnxValue,
  refuse,
  stringAttribute,
} from "./value.js";

const OPERATORS: ReadonlyMap<string, Operator> = new Map([...ELEMENTWISE, ...MOVES, ...PICKS, ...SUMS]);

/** Whether an operator can be computed here. */
export const computes = (operator: string): boolean => OPERATORS.has(operator);

/**
 * The outputs of one node.
 * @throws UnsupportedError for an operator that is not computed here; LimitError.
 */
export function evaluateNode(call: Call): OnnxValue[] {
  const operator = call.node.domain === "" ? OPERATORS.get(call.node.operator) : undefined;
  // A value without elements takes no bytes of the file, and may have billions of rows to go through.
  for (const value of call.inputs) {
    if (value?.data.length === 0)
      call.meter.value(
        value.shape.map((size) => Math.max(size, 1)),
        call.node,
      );
  }
  return operator ? operator(call) : refuse(call.node, "is not used for decoding by any YOLO export");
}
