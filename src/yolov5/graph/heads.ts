/**
 * Detect and Segment heads with anchors: one convolution per level, then decoding. Facts come from the tensors, not from a yaml.
 * Heads without anchors are in `anchorFreeHead.ts`.
 */

import { GraphError, WeightError } from "../../errors.js";
import type { ValueId } from "../../ops/index.js";
import { type HostTensor, toFloat32 } from "../../tensor/index.js";
import { scalarNumber } from "../../weights/describe.js";
import type { ModuleNode, PlainValue } from "../../weights/types.js";
import { checkAnchors, checkClasses, checkStrides, MAX_FACTS } from "./bounds.js";
import { applyChild, type BuildContext, child, numberAttribute } from "./context.js";

export type HeadKind = "detect" | "segment" | "pose" | "classify";

/** The behaviour that a network's file implies: that of YOLOv5 (v3.0 to v7.0), or of the newer package. */
export type Family = "yolov5" | "ultralytics";

/** The number of keypoints per box, and of numbers per keypoint: x, y and, if it is 3, the visibility. */
export interface KeypointShape {
  readonly count: number;
  readonly size: number;
}

/** A buffer or a tensor attribute. */
export function tensorOf(module: ModuleNode, name: string): HostTensor | undefined {
  const stored = module.buffers.get(name) ?? module.parameters.get(name);
  if (stored) return stored;
  const value = module.attributes.get(name);
  return isTensor(value) ? value : undefined;
}

function isTensor(value: PlainValue | undefined): value is HostTensor {
  return typeof value === "object" && value !== null && "dtype" in value && "data" in value;
}

/** The numbers in a short tensor or list; undefined for anything else. */
export function numbersOf(value: PlainValue | undefined): number[] | undefined {
  if (isTensor(value)) return value.data.length <= MAX_FACTS ? Array.from(toFloat32(value).data) : undefined;
  if (!Array.isArray(value) || value.length > MAX_FACTS) return undefined;
  const numbers = value.map(scalarNumber).filter((v) => v !== undefined);
  return numbers.length === value.length ? numbers : undefined;
}

export interface HeadFacts {
  readonly kind: HeadKind;
  readonly classes: number;
  /** Input pixels per cell of each level; empty for classification. */
  readonly strides: readonly number[];
  /** Per level: (width, height) pairs in input pixels, flattened. */
  readonly anchors: readonly (readonly number[])[];
  /** Numbers of a row: 5 + classes + maskCoefficients; without anchors 4 + classes + mask coefficients or keypoints. */
  readonly outputs: number;
  readonly maskCoefficients: number;
  /** Heads of the newer package have no anchors and no objectness: the confidence is the class's own score. */
  readonly family: Family;
  /** The head's boxes need no suppression; they are corners. */
  readonly endToEnd: boolean;
  readonly keypoints?: KeypointShape;
  /** The graph's first outputs are so many maps, which the file's own operators decode on the host. */
  readonly undecodedMaps?: number;
}

/**
 * Facts of a Detect or Segment head: anchors from its buffer (in cells, × stride), outputs from the channels of its maps.
 * `strides` are the module's, the model's, or measured ones.
 * @throws WeightError, GraphError for inconsistent heads.
 */
function detectFacts(module: ModuleNode, path: string, strides: readonly number[], channels: number): HeadFacts {
  const buffer = tensorOf(module, "anchors");
  if (!buffer) throw new WeightError(`${path} has no anchors`, { path });
  const nl = child(module, "m", path).children.size;
  checkAnchors(buffer.data.length, nl, path);
  checkStrides(strides, path);
  const cells = toFloat32(buffer);
  if (strides.length !== nl || cells.data.length % (2 * nl) !== 0) {
    throw new GraphError(
      `${path}: ${nl} levels, ${strides.length} strides and anchors [${buffer.shape}] do not match`,
      {
        path,
      },
    );
  }
  const perLevel = cells.data.length / nl;
  const anchors = strides.map((stride, level) =>
    Array.from(cells.data.subarray(level * perLevel, (level + 1) * perLevel), (v) => Math.fround(v * stride)),
  );
  const outputs = channels / (perLevel / 2);
  const maskCoefficients = module.children.has("proto") ? numberAttribute(module, "nm", 32, path) : 0;
  const classes = outputs - 5 - maskCoefficients;
  if (!Number.isInteger(maskCoefficients) || maskCoefficients < 0) {
    throw new GraphError(`${path}.nm must be a whole number from 0, got ${maskCoefficients}`, { path });
  }
  if (!Number.isInteger(outputs) || classes < 1) {
    throw new GraphError(`${path}: ${channels} channels are not ${perLevel / 2} anchors × (5 + classes)`, {
      path,
    });
  }
  checkClasses(classes, path);
  const kind = module.children.has("proto") ? "segment" : "detect";
  return { kind, classes, strides, anchors, outputs, maskCoefficients, family: "yolov5", endToEnd: false };
}

/** Prediction [N, rows, outputs] and, for segmentation, the prototypes [N, nm, H/4, W/4]. */
export function applyDetect(
  context: BuildContext,
  module: ModuleNode,
  path: string,
  inputs: readonly ValueId[],
  strides: readonly number[] | undefined,
  inputHeight: number,
): { outputs: ValueId[]; facts: HeadFacts } {
  const { builder } = context;
  const levels = [...child(module, "m", path).children];
  if (levels.length !== inputs.length || levels.length === 0) {
    throw new GraphError(
      `${path}: ${levels.length} convolutions for ${inputs.length} inputs; a head has one per level`,
      {
        path,
      },
    );
  }
  const maps = levels.map(([name, conv], level) => context.apply(conv, `${path}.m.${name}`, [inputs[level]]));
  const measured = maps.map((map) => inputHeight / builder.shape(map)[2]);
  const facts = detectFacts(module, path, strides ?? measured, builder.shape(maps[0])[1]);
  const prediction = builder.add("detect", path, maps, {
    anchors: facts.anchors,
    strides: facts.strides,
    outputs: facts.outputs,
    maskCoefficients: facts.maskCoefficients,
  });
  builder.tap(path, prediction);
  if (facts.kind === "detect") return { outputs: [prediction], facts };
  return { outputs: [prediction, applyChild(context, module, path, "proto", [inputs[0]])], facts };
}
