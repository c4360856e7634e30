/** The output of a head in the form that other engines expect. */

import { GraphError } from "../errors.js";
import type { Graph, Node, NodeOf } from "../ops/index.js";
import type { OnnxGraph } from "./onnxGraph.js";

/**
 * `columnsFirst`: rows [N, rows, columns] of a head without anchors as [N, columns, rows].
 * `best`: the rows of a head that needs no NMS, as at most so many best pairs of cell and class:
 * [N, boxes, x1 y1 x2 y2 score class …].
 * `softmax`: class scores [N, classes] as probabilities.
 */
export type HeadForm = "columnsFirst" | "softmax" | { readonly best: number };

/** An output by its name in the file. */
export interface NamedOutput {
  readonly name: string;
  readonly shape: readonly number[];
}

/**
 * Adds what gives the first output its form.
 * @param given the output as the graph has it.
 * @throws GraphError if the first output cannot have that form.
 */
export function lowerHeadForm(g: OnnxGraph, graph: Graph, given: NamedOutput, form: HeadForm): NamedOutput {
  const [output] = graph.outputs;
  const node = graph.nodes.find(({ outputs }) => outputs.includes(output));
  const { name, shape } = given;
  if (form === "softmax") {
    if (shape.length !== 2) throw notOf(node, "class scores [N, classes]");
    return { name: g.node("Softmax", [name], `${name}.softmax`, { axis: 1 }), shape };
  }
  if (node?.type !== "detectAnchorFree") throw notOf(node, "the rows of a head without anchors");
  const [n, rows, columns] = shape;
  if (form !== "columnsFirst") return lowerBest(g, node, name, { n, cells: rows, most: form.best });
  const turned = g.node("Transpose", [name], `${name}.columnsFirst`, { perm: [0, 2, 1] });
  return { name: turned, shape: [n, columns, rows] };
}

function notOf(node: Node | undefined, what: string): GraphError {
  const name = node?.name ?? "an input";
  return new GraphError(`ONNX export: its first output, ${name}, is not ${what}, which the requested form needs`, {
    name,
  });
}

/**
 * The cells with the best scores, and of those the best pairs of cell and class. Both sorts keep the order of equal scores,
 * as ONNX's TopK has to.
 */
function lowerBest(
  g: OnnxGraph,
  { name, attrs: { classes, extras } }: NodeOf<"detectAnchorFree">,
  rows: string,
  { n, cells, most }: { readonly n: number; readonly cells: number; readonly most: number },
): NamedOutput {
  const boxes = Math.min(most, cells);
  const parts = ["box", "scores", ...(extras > 0 ? ["extras"] : [])].map((part) => g.reserve(`${name}.${part}`));
  const sizes = [4, classes, ...(extras > 0 ? [extras] : [])];
  g.nodeOf("Split", [rows, g.longs(sizes)], parts, { axis: 2 });
  const [corners, scores, others] = parts;

  const topK = (of: string, what: string): [values: string, indices: string] => {
    const outputs: [string, string] = [g.reserve(`${name}.${what}`), g.reserve(`${name}.${what}.index`)];
    g.nodeOf("TopK", [of, g.longs([boxes])], outputs, { axis: 1, largest: 1, sorted: 1 });
    return outputs;
  };
  const column = (of: string): string => g.node("Unsqueeze", [of, g.longs([2])], `${of}.column`);
  /** Rows of [N, cells, width] by their numbers [N, boxes]. */
  const pick = (from: string, index: string, width: number): string => {
    const every = g.node("Expand", [column(index), g.longs([n, boxes, width])], `${index}.columns`);
    return g.node("GatherElements", [from, every], `${from}.picked`, { axis: 1 });
  };

  const bestOfCell = g.node("ReduceMax", [scores], `${name}.bestOfCell`, { axes: [2], keepdims: 0 });
  const [, cell] = topK(bestOfCell, "bestCells");
  const pairs = g.node("Reshape", [pick(scores, cell, classes), g.longs([n, boxes * classes])], `${name}.pairs`);
  const [best, pair] = topK(pairs, "bestPairs");
  const place = g.node("Div", [pair, g.longs([classes])], `${name}.place`);
  const classIndex = g.node(
    "Sub",
    [pair, g.node("Mul", [place, g.longs([classes])], `${name}.first`)],
    `${name}.class`,
  );
  const row = g.node("GatherElements", [cell, place], `${name}.row`, { axis: 1 });
  const picked = [
    pick(corners, row, 4),
    column(best),
    column(g.node("Cast", [classIndex], `${name}.class.float`, { to: 1 })),
    ...(others === undefined ? [] : [pick(others, row, extras)]),
  ];
  return { name: g.node("Concat", picked, `${name}.best`, { axis: 2 }), shape: [n, boxes, 6 + extras] };
}
