/** Nodes of ONNX files whose shapes would keep the host busy for ever. */

import { expect, test } from "vitest";
import { LimitError, UnsupportedError } from "../../src/errors.js";
import { evaluateNode, integers, Meter, makeValue, type OnnxValue } from "../../src/onnx/evaluate/index.js";
import { soon } from "../support/limits.js";

const evaluate = (operator: string, inputs: readonly OnnxValue[]): OnnxValue[] =>
  evaluateNode({
    node: {
      name: "case",
      operator,
      domain: "",
      inputs: [],
      outputs: [],
      attributes: new Map([["axis", { kind: "int", value: 1 }]]),
    },
    inputs,
    opset: 17,
    meter: new Meter(1e7, 1e6),
  });

test("ScatterND whose indices have no coordinates is refused", async () => {
  const x = makeValue("float", [4], new Float32Array(4));
  const scalar = makeValue("int", [], new Float64Array(1));
  await soon(() => expect(() => evaluate("ScatterND", [x, scalar, x])).toThrow(UnsupportedError));
});

test.each(["Gather", "TopK"])("%s over billions of rows without elements is refused", async (operator) => {
  const x = makeValue("float", [2 ** 40, 1, 0], new Float32Array(0));
  await soon(() => expect(() => evaluate(operator, [x, integers([0])])).toThrow(LimitError));
});
