/**
 * A head that this engine does not recognise: its file's own operators decode the maps on the host, at the one input size that
 * they are for, provided that their rows are those of a YOLO export. What the numbers of a row are is read off the layout, the
 * file's class names, and the rows of known maps.
 */

import { type HostTensor, toFloat32 } from "../../../tensor/index.js";
import type { OwnDecoding } from "../../../weights/types.js";
import type { Family } from "../../graph/heads.js";
import { type FoldedGraph, meterFor } from "../graph/foldedGraph.js";
import { asValue, type Decoding, decode, type HeadMap, type HostRun, notHead, probe, stridesOf } from "./headMaps.js";
import { type HeadHints, rowsOf } from "./recognise.js";

export interface OwnHead {
  readonly kind: "own";
  readonly maps: readonly HeadMap[];
  readonly strides: readonly number[];
  readonly layout: RowLayout;
  readonly decoding: OwnDecoding;
}

/** What a row consists of: four numbers of the box, an objectness (`yolov5`), class scores, then the rest. */
export interface RowLayout {
  readonly family: Family;
  readonly classes: number;
  readonly maskCoefficients: number;
  /** Count and numbers of each. */
  readonly keypoints: readonly [count: number, size: number] | undefined;
  /** The file's rows are chosen boxes: corners, score, class, then the rest. */
  readonly endToEnd: boolean;
}

/** More boxes than an end-to-end head of any export returns, and more scores of all of them together. */
const MAX_CHOSEN = 1000;
const MAX_SCORES = 2 ** 24;

/** @throws CheckpointError, with output, operator and node, for rows that are not those of a YOLO export; UnsupportedError. */
export function ownHead(graph: FoldedGraph, decoding: Decoding, hints: HeadHints): OwnHead {
  const { output, maps } = decoding;
  const strides = stridesOf(decoding);
  const refuse = (why: string): never => {
    throw notHead(output, why, graph.maker(output));
  };
  const channels = maps.slice(0, 6).map(({ shape }) => shape[1]);
  const other = `from maps of ${channels.join(", ")} channels at strides ${strides.join(", ")} it computes other numbers than their decoding`;
  if (!hints.isYolo)
    refuse(
      `${other}, and nothing in the file says that it is a YOLO: no class names, no layers named model.0, model.1 …`,
    );
  const probes = maps.map((map, i) => probe(map, i + 1, -3, 3));
  const { shape, data, kind } = decode(graph, decoding, probes.map(asValue));
  const [, a, b] = shape;
  if (shape.length !== 3 || kind !== "float") refuse(`${other}, [${shape.join(", ")}]`);
  const cells = strides.reduce((sum, stride) => sum + cellsAt(maps, stride), 0);
  const columnsLast = a % cells === 0 && (b % cells !== 0 || a >= b);
  const first = { dtype: "float32", shape, data: data as Float32Array } as const;
  const dense = columnsLast || b % cells === 0;
  const rows = dense ? (rowsOf({ kind: "float", shape, data: first.data }, columnsLast ? a : b) ?? first) : first;
  const layout = dense ? denseLayout(rows.shape[2], columnsLast, hints) : chosenLayout(rows, hints);
  if (!layout) return refuse(`${other}: [${shape.join(", ")}], which ${columnsOf(hints)} do not explain`);
  const odd = layout.endToEnd ? oddBoxes(rows) : oddRows(rows, layout, graph.inputShape);
  if (odd !== undefined) refuse(`${other}: ${odd}`);
  return { kind: "own", maps, strides, layout, decoding: hostDecoding(graph, decoding, layout, rows.shape[1]) };
}

function cellsAt(maps: readonly HeadMap[], stride: number): number {
  const found = maps.find((map) => map.stride === stride);
  return found ? found.shape[2] * found.shape[3] : 0;
}

function columnsOf({ names, prototypes, keypoints }: HeadHints): string {
  const parts = [`${names ?? "unnamed"} classes`];
  if (prototypes !== undefined) parts.push(`${prototypes} mask coefficients`);
  if (keypoints) parts.push(`keypoints of ${keypoints.join("×")}`);
  return parts.join(", ");
}

/** Rows for every cell: YOLOv5's exports have the columns last and an objectness, those of the newer package neither. */
function denseLayout(columns: number, columnsLast: boolean, hints: HeadHints): RowLayout | undefined {
  const { names, prototypes = 0, keypoints } = hints;
  const extras = prototypes + (keypoints ? keypoints[0] * keypoints[1] : 0);
  const families: readonly Family[] = columnsLast ? ["yolov5", "ultralytics"] : ["ultralytics", "yolov5"];
  const layouts = families.map((family): RowLayout => {
    const classes = columns - extras - (family === "yolov5" ? 5 : 4);
    return { family, classes, maskCoefficients: prototypes, keypoints, endToEnd: false };
  });
  return layouts.find(
    ({ family, classes }) => classes >= 1 && (names ?? classes) === classes && !(keypoints && family === "yolov5"),
  );
}

/** Chosen boxes: the number of classes is that of the names. */
function chosenLayout({ shape }: HostTensor, hints: HeadHints): RowLayout | undefined {
  const { names, prototypes = 0, keypoints } = hints;
  const extras = prototypes + (keypoints ? keypoints[0] * keypoints[1] : 0);
  if (!names || shape[2] !== 6 + extras || shape[1] > MAX_CHOSEN || shape[1] * names > MAX_SCORES) return undefined;
  return { family: "ultralytics", classes: names, maskCoefficients: prototypes, keypoints, endToEnd: true };
}

const isScore = (value: number): boolean => value >= 0 && value <= 1;

/** Why rows of every cell are not boxes in pixels with scores; undefined if they are. */
function oddRows(
  { shape: [, , columns], data }: HostTensor<"float32">,
  { family, classes }: RowLayout,
  [, , height, width]: readonly number[],
): string | undefined {
  const scores = classes + (family === "yolov5" ? 1 : 0);
  const count = data.length / columns;
  let corners = 0;
  let [x, y] = [0, 0];
  for (let at = 0; at < data.length; at += columns) {
    const [cx, cy, w, h] = data.subarray(at, at + 4);
    if (!(w >= 0 && h >= 0 && Number.isFinite(w + h))) return "widths and heights that are negative";
    if (!data.subarray(at + 4, at + 4 + scores).every(isScore)) return "scores that are not from 0 to 1";
    if (w >= cx && h >= cy) corners++;
    x += cx / count;
    y += cy / count;
  }
  if (corners === count) return "boxes as corners instead of centre and size";
  const within = (mean: number, side: number): boolean => mean > side / 8 && mean < (7 * side) / 8;
  return within(x, width) && within(y, height) ? undefined : "centres that are not spread over the picture in pixels";
}

/** The same for chosen boxes. */
function oddBoxes({ shape: [, , columns], data }: HostTensor<"float32">): string | undefined {
  for (let at = 0; at < data.length; at += columns) {
    const [score, category] = data.subarray(at + 4, at + 6);
    if (!isScore(score)) return "scores that are not from 0 to 1";
    if (!(Number.isInteger(category) && category >= 0)) return "classes that are not whole numbers";
  }
  return undefined;
}

/** Keeps the constants that the nodes read, and not the rest of the file. */
function hostDecoding(graph: FoldedGraph, decoding: Decoding, layout: RowLayout, rows: number): OwnDecoding {
  const names = new Set(decoding.nodes.flatMap(({ inputs }) => inputs));
  const constants = new Map([...names].map((name) => [name, graph.constant(name)] as const));
  const { opset, liveLimit } = graph;
  const { inputShape } = graph;
  const [batch, , height, width] = inputShape;
  /** Rows of one picture, which is the first of the file's batch. */
  const ofPicture = (maps: readonly HostTensor<"float32">[], picture: number): HostTensor<"float32"> => {
    const run: HostRun = { opset, liveLimit, meter: meterFor(inputShape), constant: (name) => constants.get(name) };
    const given = maps.map(({ shape: [, ...map], data }) => {
      const step = data.length / maps[0].shape[0];
      const filled = new Float32Array(batch * step);
      filled.set(data.subarray(picture * step, (picture + 1) * step));
      return asValue({ dtype: "float32", shape: [batch, ...map], data: filled });
    });
    const value = decode(run, decoding, given);
    const found = rowsOf(value, rows);
    if (!found) throw notHead(decoding.output, `it computes [${value.shape.join(", ")}] for one picture`);
    const data = found.data.subarray(0, found.data.length / batch);
    return { dtype: "float32", shape: [1, rows, data.length / rows], data };
  };
  return {
    size: [height, width],
    decode(maps) {
      const floats = maps.map(toFloat32);
      const pictures = Array.from({ length: floats[0].shape[0] }, (_, i) => ofPicture(floats, i));
      const parts = layout.endToEnd ? pictures.map((part) => withScores(part, layout.classes)) : pictures;
      const [{ shape, data: firstData }] = parts;
      const joined = new Float32Array(parts.length * firstData.length);
      for (const [i, part] of parts.entries()) joined.set(part.data, i * firstData.length);
      return { dtype: "float32", shape: [parts.length, shape[1], shape[2]], data: joined };
    },
  };
}

/** Chosen boxes as rows with a score for each class, all but one of them 0. */
function withScores(
  { shape: [, count, columns], data }: HostTensor<"float32">,
  classes: number,
): HostTensor<"float32"> {
  const width = columns - 2 + classes;
  const rows = new Float32Array(count * width);
  for (let i = 0; i < count; i++) {
    const box = data.subarray(i * columns, (i + 1) * columns);
    rows.set(box.subarray(0, 4), i * width);
    if (box[5] < classes) rows[i * width + 4 + box[5]] = box[4];
    rows.set(box.subarray(6), i * width + 4 + classes);
  }
  return { dtype: "float32", shape: [1, count, width], data: rows };
}
