/**
 * Recognises a head by what it computes: the file's own operators decode maps of known numbers, the attributes are read
 * off the result, and this engine's decoding must then give the same. However the file spells its decoding, simplified
 * or not, is of no account.
 */

import type { OnnxValue } from "../../../onnx/evaluate/index.js";
import { OPS } from "../../../ops/index.js";
import type { HostTensor } from "../../../tensor/index.js";
import { endToEndOutput } from "../../output/nms/endToEnd.js";
import type { FoldedGraph } from "../graph/foldedGraph.js";
import { asValue, type Decoding, decode, type HeadMap, probe, stridesOf } from "./headMaps.js";

/** A detection head with anchors, its maps from the finest level on. */
export interface AnchorHead {
  readonly kind: "anchors";
  readonly maps: readonly HeadMap[];
  /** Per level: (width, height) pairs in input pixels. */
  readonly anchors: readonly (readonly number[])[];
  readonly strides: readonly number[];
  readonly maskCoefficients: number;
}

/** A head without anchors. */
export interface AnchorFreeHead {
  readonly kind: "anchorFree";
  /** Per level: distances, class scores and, if there are any, the rest. */
  readonly levels: readonly (readonly HeadMap[])[];
  readonly strides: readonly number[];
  readonly bins: number;
  readonly classes: number;
  readonly extras: number;
  /** 0 for mask coefficients, or none. */
  readonly keypointSize: number;
  readonly endToEnd: boolean;
}

export type RecognisedHead = AnchorHead | AnchorFreeHead;

/** Hints outside the graph. */
export interface HeadHints {
  /** Channels of the prototypes in another output. */
  readonly prototypes: number | undefined;
  /** Count and numbers of each, according to its metadata. */
  readonly keypoints: readonly [count: number, size: number] | undefined;
  /** Number of class names in its metadata. */
  readonly names: number | undefined;
  /** Whether an exporter of these networks wrote it. */
  readonly isYolo: boolean;
}

/** @returns undefined for a head that decodes in another way. @throws UnsupportedError that names an operator. */
export function recogniseHead(graph: FoldedGraph, decoding: Decoding, hints: HeadHints): RecognisedHead | undefined {
  const strides = stridesOf(decoding);
  const levels = strides.map((stride) => decoding.maps.filter((map) => map.stride === stride));
  const perLevel = levels[0].length;
  if (levels.length > 8 || levels.some((level) => level.length !== perLevel)) return undefined;
  if (perLevel > 1) return anchorFreeHead(graph, decoding, levels, strides, hints);
  const maps = levels.map(([map]) => map);
  return anchorHead(graph, decoding, maps, strides, hints.prototypes ?? 0);
}

/** The decoded rows [N, rows, columns], in whichever order of axes the file has them; undefined for any other shape. */
export function rowsOf(value: OnnxValue, rows: number, columns?: number): HostTensor<"float32"> | undefined {
  const { shape } = value;
  if (shape.length !== 3 || value.kind !== "float") return undefined;
  const [n, a, b] = shape;
  if (a === rows && (columns === undefined || b === columns)) return { dtype: "float32", shape, data: value.data };
  if (b !== rows || (columns !== undefined && a !== columns)) return undefined;
  const data = new Float32Array(value.data.length);
  for (let image = 0; image < n; image++) {
    for (let column = 0; column < a; column++) {
      for (let row = 0; row < b; row++)
        data[(image * b + row) * a + column] = value.data[(image * a + column) * b + row];
    }
  }
  return { dtype: "float32", shape: [n, b, a], data };
}

/** Equal up to the rounding of float32, and of float16 constants. */
function agrees(found: ArrayLike<number>, wanted: ArrayLike<number>, count: number): boolean {
  for (let i = 0; i < count; i++) {
    if (!(Math.abs(found[i] - wanted[i]) <= 1e-3 + 2e-4 * Math.abs(wanted[i]))) return false;
  }
  return true;
}

function anchorHead(
  graph: FoldedGraph,
  decoding: Decoding,
  maps: readonly HeadMap[],
  strides: readonly number[],
  maskCoefficients: number,
): AnchorHead | undefined {
  const probes = maps.map((map, i) => {
    const made = probe(map, i + 1, -3, 3);
    const [, c, h, w] = map.shape;
    // If all inputs are 0, a box has exactly its anchor's size.
    for (let channel = 0; channel < c; channel++) made.data[channel * h * w] = 0;
    return made;
  });
  const inFileOrder = decoding.maps.map((map) => asValue(probes[maps.indexOf(map)]));
  const result = decode(graph, decoding, inFileOrder);
  if (result.shape.length !== 3) return undefined;
  const outputs = result.shape[2];
  const perLevel = maps.map(({ shape }) => shape[1] / outputs);
  if (!perLevel.every((count) => Number.isInteger(count) && count > 0) || outputs - maskCoefficients < 6)
    return undefined;
  let first = 0;
  const anchors = maps.map(({ shape: [, , h, w] }, level) => {
    const own: number[] = [];
    for (let a = 0; a < perLevel[level]; a++, first += h * w) {
      own.push(result.data[first * outputs + 2], result.data[first * outputs + 3]);
    }
    return own;
  });
  if (first !== result.shape[1] || !anchors.flat().every((size) => size >= 0 && Number.isFinite(size)))
    return undefined;
  const attributes = { anchors, strides, outputs, maskCoefficients };
  const [wanted] = OPS.detect.reference(probes, attributes);
  return agrees(result.data, wanted.data as Float32Array, wanted.data.length)
    ? { kind: "anchors", maps, anchors, strides, maskCoefficients }
    : undefined;
}

/** Every assignment of a level's maps to distances, scores and the rest, the likeliest first. */
function rolesOf(level: readonly HeadMap[], hasBins: boolean): (readonly number[])[] {
  const orders =
    level.length === 2
      ? [
          [0, 1],
          [1, 0],
        ]
      : level.length === 3
        ? PERMUTATIONS
        : [];
  return orders.filter(([boxes]) => {
    const channels = level[boxes].shape[1];
    return hasBins ? channels % 4 === 0 && channels > 4 && channels <= 1024 : channels === 4;
  });
}

const PERMUTATIONS: readonly (readonly number[])[] = [
  [0, 1, 2],
  [0, 2, 1],
  [1, 0, 2],
  [1, 2, 0],
  [2, 0, 1],
  [2, 1, 0],
];

function anchorFreeHead(
  graph: FoldedGraph,
  decoding: Decoding,
  levels: readonly (readonly HeadMap[])[],
  strides: readonly number[],
  { prototypes, keypoints }: HeadHints,
): AnchorFreeHead | undefined {
  const hasBins = decoding.nodes.some(({ operator }) => operator === "Softmax");
  const endToEnd = decoding.nodes.some(({ operator }) => operator === "TopK");
  for (const roles of rolesOf(levels[0], hasBins)) {
    const ordered = levels.map((level) => roles.map((role) => level[role]));
    const [boxes, scores, rest] = ordered[0].map(({ shape }) => shape[1]);
    const same = ordered.every(
      (level) => String(level.map(({ shape }) => shape[1])) === String(ordered[0].map(({ shape }) => shape[1])),
    );
    const extras = rest ?? 0;
    if (!same || (prototypes !== undefined && prototypes !== extras)) continue;
    const head: AnchorFreeHead = {
      kind: "anchorFree",
      levels: ordered,
      strides,
      bins: hasBins ? boxes / 4 : 0,
      classes: scores,
      extras,
      keypointSize: 0,
      endToEnd,
    };
    const result = probeAnchorFree(graph, decoding, head);
    const sizes = extras === 0 || prototypes !== undefined ? [0] : [...new Set([keypoints?.[1] ?? 3, 3, 2])];
    for (const size of sizes) {
      if (size > 0 && extras % size !== 0) continue;
      const candidate = { ...head, keypointSize: size };
      if (matches(result, candidate)) return candidate;
    }
  }
  return undefined;
}

interface Probed {
  readonly probes: readonly HostTensor<"float32">[];
  readonly result: OnnxValue;
}

function probeAnchorFree(graph: FoldedGraph, decoding: Decoding, head: AnchorFreeHead): Probed {
  const maps = head.levels.flat();
  const perLevel = head.levels[0].length;
  const probes = maps.map((map, i) => {
    const role = i % perLevel;
    if (role === 0) return head.bins > 0 ? probe(map, i + 1, -3, 3) : probe(map, i + 1, 0, 6);
    if (role === 1) return head.endToEnd ? probe(map, i + 1, -9, -8) : probe(map, i + 1, -6, 2);
    return probe(map, i + 1, -2, 2);
  });
  if (head.endToEnd) raiseScores(probes.filter((_, i) => i % perLevel === 1));
  const result = decode(
    graph,
    decoding,
    decoding.maps.map((map) => asValue(probes[maps.indexOf(map)])),
  );
  return { probes, result };
}

/** Makes a few hundred scores stand out, with clear gaps between them, so that their order is unambiguous. */
function raiseScores(maps: readonly HostTensor<"float32">[]): void {
  const count = maps.reduce((sum, { data }) => sum + data.length, 0);
  const raised = Math.min(400, count);
  for (let i = 0; i < raised; i++) {
    let at = Math.floor((i * count) / raised);
    for (const { data } of maps) {
      if (at < data.length) {
        data[at] = 3 - 0.015 * ((i * 7919) % 401);
        break;
      }
      at -= data.length;
    }
  }
}

function matches({ probes, result }: Probed, head: AnchorFreeHead): boolean {
  const { strides, bins, classes, extras, keypointSize, endToEnd } = head;
  const [dense] = OPS.detectAnchorFree.reference(probes, {
    strides,
    bins: Array.from({ length: bins }, (_, bin) => bin),
    classes,
    extras,
    keypointSize,
    corners: endToEnd,
  });
  if (!endToEnd) {
    const rows = rowsOf(result, dense.shape[1], dense.shape[2]);
    return rows !== undefined && agrees(rows.data, dense.data as Float32Array, dense.data.length);
  }
  const [n, , columns] = dense.shape;
  const wanted = endToEndOutput(dense, classes);
  const [, rows, width] = wanted.shape;
  const boxes = result.shape[1];
  if (result.shape.length !== 3 || result.shape[2] !== 6 + columns - 4 - classes || boxes > rows || boxes === 0)
    return false;
  for (let image = 0; image < n; image++) {
    const own = result.data.subarray(image * boxes * width, (image + 1) * boxes * width);
    if (!agrees(own, wanted.data.subarray(image * rows * width), own.length)) return false;
  }
  return true;
}
