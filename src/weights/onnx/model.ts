/** The bytes of an ONNX file → its model: nodes in an order in which they can run, constants, metadata. */

import { CheckpointError } from "../../errors.js";
import type { HostTensor } from "../../tensor/index.js";
import { Budget, damaged } from "../budget.js";
import { cutText } from "../describe.js";
import { attributeTensors, readNode, textCost } from "./nodes.js";
import { sortNodes } from "./order.js";
import { contents, type Field, fieldsOf, integer, pushIntegers, text } from "./protobufReader.js";
import { externalPlace, pairOf, readTensor } from "./tensors.js";
import type { ExternalFiles, OnnxModel, OnnxNode, OnnxPort } from "./types.js";

const OLDEST_OPSET = 9;
const NEWEST_OPSET = 25;
const MAX_NODES = 20_000;
const MAX_EXTERNAL_FILES = 10_000;

/** Names of the files beside an ONNX file that hold its tensors, in the order in which they are named. */
export function externalFilesOf(bytes: Uint8Array): string[] {
  const budget = new Budget(bytes.length);
  const found = new Set<string>();
  for (const message of tensorsOf(graphOf(bytes))) {
    const place = externalPlace(message, budget);
    if (place) found.add(place.location);
    if (found.size > MAX_EXTERNAL_FILES) damaged(`its tensors are spread over more than ${MAX_EXTERNAL_FILES} files`);
  }
  return [...found];
}

/** The tensors of a graph and those in attributes of its nodes. */
function* tensorsOf(graph: Uint8Array): Generator<Uint8Array> {
  for (const field of fieldsOf(graph)) {
    if (field.number === 5) yield contents(field, "a tensor");
    if (field.number === 1) yield* attributeTensors(contents(field, "a node"));
  }
}

function graphOf(bytes: Uint8Array): Uint8Array {
  for (const field of fieldsOf(bytes)) if (field.number === 7) return contents(field, "its graph");
  return damaged("it holds no graph");
}

/**
 * Reads an ONNX file. Tensors are views of `bytes` where alignment permits. Beyond the bytes it takes at most what
 * `Budget` allows.
 * @param external the files beside it that hold its tensors, by the names it gives them.
 * @throws CheckpointError for a file that is damaged, hostile or of an opset outside 9 to 25.
 */
export function readOnnx(bytes: Uint8Array, external?: ExternalFiles): OnnxModel {
  const sizes = [...(external?.values() ?? [])].reduce((sum, file) => sum + file.length, bytes.length);
  const budget = new Budget(sizes);
  const metadata = new Map<string, string>();
  let producer = "";
  let opset: number | undefined;
  let graph: Uint8Array | undefined;
  for (const field of fieldsOf(bytes)) {
    switch (field.number) {
      case 2:
        producer = text(field, "its producer");
        break;
      case 7:
        graph = contents(field, "its graph");
        break;
      case 8: {
        budget.charge(64, "its operator sets");
        const [domain, version] = opsetOf(contents(field, "its operator set"));
        if (domain === "" || domain === "ai.onnx") opset = version;
        break;
      }
      case 14: {
        const [key, value] = pairOf(contents(field, "its metadata"));
        budget.charge(textCost(key) + textCost(value), "its metadata");
        metadata.set(key, value);
        break;
      }
      case 25:
        throw new CheckpointError(
          "defines its own operators (local functions), which are not supported; export it again without them",
        );
    }
  }
  if (!graph) damaged("it holds no graph");
  if (opset === undefined || !(opset >= OLDEST_OPSET && opset <= NEWEST_OPSET)) {
    throw new CheckpointError(
      `is an ONNX model with opset ${opset ?? "(none)"}; opsets ${OLDEST_OPSET} to ${NEWEST_OPSET} are supported: export it again with --opset 17`,
      { opset },
    );
  }
  return { opset, producer: cutText(producer), metadata, ...readGraph(graph, budget, external) };
}

function opsetOf(message: Uint8Array): [domain: string, version: number] {
  let domain = "";
  let version = 0;
  for (const field of fieldsOf(message)) {
    if (field.number === 1) domain = text(field, "an operator set");
    if (field.number === 2) version = integer(field, "an operator set");
  }
  return [domain, version];
}

function readGraph(
  message: Uint8Array,
  budget: Budget,
  external: ExternalFiles | undefined,
): Pick<OnnxModel, "nodes" | "constants" | "inputs" | "outputs"> {
  const nodes: OnnxNode[] = [];
  const constants = new Map<string, HostTensor>();
  const inputs: OnnxPort[] = [];
  const outputs: OnnxPort[] = [];
  for (const field of fieldsOf(message)) {
    switch (field.number) {
      case 1:
        nodes.push(readNode(contents(field, "a node"), budget, external));
        if (nodes.length > MAX_NODES) damaged(`it has more than ${MAX_NODES} nodes`);
        break;
      case 5: {
        budget.charge(512, "its tensors");
        const { name, value } = readTensor(contents(field, "a tensor"), budget, external);
        if (constants.has(name)) damaged(`two tensors are named ${cutText(name)}`);
        constants.set(name, value);
        break;
      }
      case 11:
        inputs.push(portOf(field, budget));
        break;
      case 12:
        outputs.push(portOf(field, budget));
        break;
      case 15:
        throw new CheckpointError("holds sparse tensors, which no YOLO export has; export the model again");
    }
  }
  const own = inputs.filter(({ name }) => !constants.has(name));
  const given = new Set([...constants.keys(), ...own.map(({ name }) => name)]);
  return { nodes: sortNodes(nodes, given), constants, inputs: own, outputs };
}

/** Name, tensor type → element type, shape → dimensions. */
function portOf(field: Field, budget: Budget): OnnxPort {
  const what = "an input or output";
  budget.charge(256, "its inputs and outputs");
  let name = "";
  let elementType = 0;
  const shape: (number | undefined)[] = [];
  for (const part of fieldsOf(contents(field, what))) {
    if (part.number === 1) name = text(part, what);
    for (const type of inside(part, 2, what)) {
      for (const fact of inside(type, 1, what)) {
        if (fact.number === 1) elementType = integer(fact, what);
        for (const dimension of inside(fact, 2, what)) {
          if (dimension.number !== 1) continue;
          budget.charge(64, "its inputs and outputs");
          const values: number[] = [];
          for (const value of inside(dimension, 1, what)) if (value.number === 1) pushIntegers(values, value, what);
          shape.push(values.at(-1));
        }
      }
    }
  }
  return { name, shape, elementType };
}

/** The fields of a message inside a field, if that has the number. */
const inside = (field: Field, number: number, what: string): Iterable<Field> =>
  field.number === number ? fieldsOf(contents(field, what)) : [];
