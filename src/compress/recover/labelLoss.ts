/**
 * The field's loss of a head with anchors against labels, on the maps before decoding, and its gradient: an object belongs to the
 * anchors of similar size, in its cell and the two nearest neighbours (YOLOv5's documentation); there 1 − CIoU for the box, binary
 * cross-entropy for the classes, and everywhere for the objectness, whose target is the CIoU.
 */

import { DatasetError, UnsupportedError } from "../../errors.js";
import type { GroundTruth } from "../../eval/dataset/types.js";
import type { NodeOf } from "../../ops/index.js";
import type { Head } from "../headMaps.js";
import { type CentredBox, completeIoU } from "./ciou.js";

/** The objects of a picture, in pixels of the input. */
export interface PlacedObjects {
  readonly classes: readonly number[];
  /** Centre x, centre y, width, height of each. */
  readonly boxes: readonly CentredBox[];
}

/** An object is matched with anchors that are less than so many times larger or smaller, in both directions. */
const LARGEST_RATIO = 4;
/** Factors of the terms, for an input of 640 and 80 classes. */
const GAINS = { box: 0.05, objectness: 1, classes: 0.5 } as const;
/** Of the objectness of each level, the finest first: fine levels have most cells, and few objects in them. */
const BALANCE: Readonly<Record<number, readonly number[]>> = { 3: [4, 1, 0.4], 4: [4, 1, 0.25, 0.06] };

/** Of a box, in cells: an aspect ratio of nothing is no number. */
const LEAST_SIDE = 1e-4;

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** Binary cross-entropy of a logit. */
function crossEntropy(logit: number, target: number): number {
  return Math.max(logit, 0) - logit * target + Math.log1p(Math.exp(-Math.abs(logit)));
}

/** @throws UnsupportedError for heads without anchors. */
export function assertLabelHead(head: Head): asserts head is NodeOf<"detect"> {
  if (head.type === "detect") return;
  throw new UnsupportedError(
    "recover: labels are used with heads that have anchors (YOLOv3, v5, v7); this one has none; train without labels",
  );
}

/** @throws UnsupportedError for heads without anchors; DatasetError for labels of classes that the head lacks, and without any. */
export function assertLearnable(head: Head, samples: readonly { readonly truth?: GroundTruth | undefined }[]): void {
  assertLabelHead(head);
  const all = samples.flatMap(({ truth }) => [...(truth?.classes ?? [])]);
  const classes = classesOf(head);
  const outside = all.find((own) => own >= classes);
  if (outside !== undefined) {
    throw new DatasetError(`recover: a label is of class ${outside}, but the network has ${classes} classes`);
  }
  if (all.length === 0) throw new DatasetError("recover: the pictures have no labels; train without labels");
}

const classesOf = ({ attrs }: NodeOf<"detect">): number => attrs.outputs - 5 - attrs.maskCoefficients;

/**
 * @param shapes of the head's maps, [N, C, H, W] each
 * @param objects of each picture of the batch
 * @param student its maps; `seeds`, of the same lengths, receive `weight` times the gradient, in addition to what they hold
 * @returns `weight` times the loss
 */
export function labelLoss(
  head: NodeOf<"detect">,
  shapes: readonly (readonly number[])[],
  objects: readonly PlacedObjects[],
  student: readonly Float32Array[],
  seeds: readonly Float32Array[],
  weight = 1,
): number {
  const { attrs } = head;
  const levels = attrs.strides.length;
  const side = shapes[0][2] * attrs.strides[0];
  const classes = classesOf(head);
  const scale = (weight * objects.length * 3) / levels;
  const factors = {
    box: scale * GAINS.box,
    objectness: scale * GAINS.objectness * (side / 640) ** 2,
    classes: (scale * GAINS.classes * classes) / 80,
  };
  let loss = 0;
  for (let level = 0; level < levels; level++) {
    const anchors = attrs.anchors[level].map((v) => v / attrs.strides[level]);
    const own = { outputs: attrs.outputs, classes, anchors, stride: attrs.strides[level] };
    const objectness = factors.objectness * (BALANCE[levels]?.[level] ?? 1);
    loss += levelLoss(own, shapes[level], objects, student[level], seeds[level], { ...factors, objectness });
  }
  return loss;
}

interface Level {
  /** Numbers of an anchor. */
  readonly outputs: number;
  readonly classes: number;
  /** Width, height, … in cells. */
  readonly anchors: readonly number[];
  readonly stride: number;
}

/** An object at an anchor of a cell. */
interface Match {
  /** Of the first of the anchor's numbers. */
  readonly at: number;
  readonly anchor: readonly [number, number];
  readonly class: number;
  /** In cells, from the cell's corner. */
  readonly box: CentredBox;
}

function levelLoss(
  level: Level,
  shape: readonly number[],
  objects: readonly PlacedObjects[],
  maps: Float32Array,
  seeds: Float32Array,
  factors: { readonly box: number; readonly objectness: number; readonly classes: number },
): number {
  const { outputs, classes } = level;
  const [n, channels, h, w] = shape;
  const plane = h * w;
  const matches = objects.flatMap((own, image) => [...matchesOf(own, image, level, shape)]);
  const targets = new Map<number, number>();
  let loss = 0;
  for (const { at, anchor, class: wanted, box } of matches) {
    const s = [0, 1, 2, 3].map((k) => sigmoid(maps[at + k * plane]));
    const size = (k: number): number => Math.max(LEAST_SIDE, (2 * s[2 + k]) ** 2 * anchor[k]);
    const own: CentredBox = [2 * s[0] - 0.5, 2 * s[1] - 0.5, size(0), size(1)];
    const { value, gradient } = completeIoU(own, box);
    const share = factors.box / matches.length;
    loss += share * (1 - value);
    for (let k = 0; k < 4; k++) {
      const inner = k < 2 ? 2 * s[k] * (1 - s[k]) : 8 * s[k] ** 2 * (1 - s[k]) * anchor[k - 2];
      seeds[at + k * plane] -= share * gradient[k] * inner;
    }
    const object = at + 4 * plane;
    targets.set(object, Math.max(targets.get(object) ?? 0, value));
    // One class says nothing beyond the objectness.
    for (let c = 0; classes > 1 && c < classes; c++) {
      const i = at + (5 + c) * plane;
      const target = c === wanted ? 1 : 0;
      const each = factors.classes / (matches.length * classes);
      loss += each * crossEntropy(maps[i], target);
      seeds[i] += each * (sigmoid(maps[i]) - target);
    }
  }
  const each = factors.objectness / (n * (channels / outputs) * plane);
  for (let block = 0; block < (n * channels) / outputs; block++) {
    const first = (block * outputs + 4) * plane;
    for (let i = first; i < first + plane; i++) {
      const target = targets.get(i) ?? 0;
      loss += each * crossEntropy(maps[i], target);
      seeds[i] += each * (sigmoid(maps[i]) - target);
    }
  }
  return loss;
}

function* matchesOf(
  { classes, boxes }: PlacedObjects,
  image: number,
  { outputs, anchors, stride }: Level,
  [, channels, h, w]: readonly number[],
): Generator<Match> {
  for (const [i, pixels] of boxes.entries()) {
    const [x, y, width, height] = pixels.map((v) => v / stride);
    for (let a = 0; a < anchors.length / 2; a++) {
      const anchor = [anchors[2 * a], anchors[2 * a + 1]] as const;
      const ratios = [width / anchor[0], height / anchor[1]];
      if (ratios.some((r) => Math.max(r, 1 / r) >= LARGEST_RATIO)) continue;
      for (const [column, row] of cellsOf(x, y, w, h)) {
        const at = (image * channels + a * outputs) * h * w + row * w + column;
        yield { at, anchor, class: classes[i], box: [x - column, y - row, width, height] };
      }
    }
  }
}

/** The cell of a centre, and the neighbours beside it to which it is nearest: one to a side, one above or below. */
function cellsOf(x: number, y: number, w: number, h: number): [column: number, row: number][] {
  const [column, row] = [Math.min(w - 1, Math.floor(x)), Math.min(h - 1, Math.floor(y))];
  const cells: [number, number][] = [[column, row]];
  const [beside, above] = [x - column < 0.5 ? column - 1 : column + 1, y - row < 0.5 ? row - 1 : row + 1];
  if (beside >= 0 && beside < w) cells.push([beside, row]);
  if (above >= 0 && above < h) cells.push([column, above]);
  return cells;
}
