/** NodeProto and AttributeProto → nodes. */

import { type Budget, damaged } from "../budget.js";
import { cutText } from "../describe.js";
import { contents, fieldsOf, integer, pushFloats, pushIntegers, text } from "./protobufReader.js";
import { readTensor } from "./tensors.js";
import type { ExternalFiles, OnnxAttribute, OnnxNode } from "./types.js";

const NODE_COST = 1024;
const ATTRIBUTE_COST = 256;
/** Inputs or outputs of one node. */
const MAX_PORTS = 4096;

/** What a text takes in memory. */
export const textCost = (value: string): number => 64 + 2 * value.length;

export function readNode(message: Uint8Array, budget: Budget, external: ExternalFiles | undefined): OnnxNode {
  budget.charge(NODE_COST, "its nodes");
  let name = "";
  let operator = "";
  let domain = "";
  const inputs: string[] = [];
  const outputs: string[] = [];
  const attributes = new Map<string, OnnxAttribute>();
  const read = (value: string): string => {
    budget.charge(textCost(value), "the names of its values");
    return value;
  };
  for (const field of fieldsOf(message)) {
    switch (field.number) {
      case 1:
        inputs.push(read(text(field, "a node's input")));
        break;
      case 2:
        outputs.push(read(text(field, "a node's output")));
        break;
      case 3:
        name = read(text(field, "a node's name"));
        break;
      case 4:
        operator = cutText(text(field, "an operator"));
        break;
      case 5: {
        budget.charge(ATTRIBUTE_COST, "the attributes of its nodes");
        const [key, value] = readAttribute(contents(field, "an attribute"), budget, external);
        if (value) attributes.set(read(key), value);
        break;
      }
      case 7:
        domain = cutText(text(field, "an operator's domain"));
        break;
    }
  }
  if (Math.max(inputs.length, outputs.length) > MAX_PORTS) {
    damaged(`node ${cutText(name)} has more than ${MAX_PORTS} inputs or outputs`);
  }
  if (domain === "ai.onnx") domain = "";
  return { name: cutText(name || outputs[0] || "unnamed"), operator, domain, inputs, outputs, attributes };
}

/** The tensors in a node's attributes, as messages. */
export function* attributeTensors(node: Uint8Array): Generator<Uint8Array> {
  for (const field of fieldsOf(node)) {
    if (field.number !== 5) continue;
    for (const part of fieldsOf(contents(field, "an attribute"))) {
      if (part.number === 5) yield contents(part, "an attribute");
    }
  }
}

/** Writers mark the type; those that do not give one value. */
function readAttribute(
  message: Uint8Array,
  budget: Budget,
  external: ExternalFiles | undefined,
): [name: string, value: OnnxAttribute | undefined] {
  let name = "";
  let type = 0;
  const single: { float?: number; int?: number; string?: string; tensor?: Uint8Array } = {};
  let graph = false;
  const floats: number[] = [];
  const ints: number[] = [];
  const strings: string[] = [];
  const what = "an attribute";
  for (const field of fieldsOf(message)) {
    budget.charge(
      8 * (field.wire === 2 && [7, 8, 9].includes(field.number) ? field.bytes.length : 1),
      "its attributes",
    );
    if (field.number === 1) name = text(field, what);
    else if (field.number === 2) [single.float] = floatsOf(field.bytes);
    else if (field.number === 3) single.int = integer(field, what);
    else if (field.number === 4) single.string = text(field, what);
    else if (field.number === 5) single.tensor = contents(field, what);
    else if (field.number === 6 || field.number === 11) graph = true;
    else if (field.number === 7) pushFloats(floats, field, 4, what);
    else if (field.number === 8) pushIntegers(ints, field, what);
    else if (field.number === 9) strings.push(text(field, what));
    else if (field.number === 20) type = integer(field, what);
  }
  const tensorOf = (): OnnxAttribute | undefined =>
    single.tensor && { kind: "tensor", value: readTensor(single.tensor, budget, external).value };
  if (graph) return [name, { kind: "graph" }];
  if (type === 7 || ints.length > 0) return [name, { kind: "ints", value: ints }];
  if (type === 6 || floats.length > 0) return [name, { kind: "floats", value: floats }];
  if (type === 8 || strings.length > 0) return [name, { kind: "strings", value: strings }];
  if (single.tensor) return [name, tensorOf()];
  if (type === 1 || single.float !== undefined) return [name, { kind: "float", value: single.float ?? 0 }];
  if (type === 3 || single.string !== undefined) return [name, { kind: "string", value: single.string ?? "" }];
  return [name, { kind: "int", value: single.int ?? 0 }];
}

function floatsOf(bytes: Uint8Array): number[] {
  if (bytes.length !== 4) damaged("an attribute does not have the type that ONNX specifies");
  return [new DataView(bytes.buffer, bytes.byteOffset, 4).getFloat32(0, true)];
}
