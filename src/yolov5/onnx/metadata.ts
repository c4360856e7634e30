/** Metadata that exporters write: names, stride, task, input size, keypoints. */

import { CheckpointError } from "../../errors.js";
import { scalarNumber } from "../../weights/describe.js";
import type { OnnxModel } from "../../weights/onnx/types.js";
import type { PlainValue } from "../../weights/types.js";
import type { Family } from "../graph/heads.js";
import { readLiteral } from "./literal.js";

/** Tasks whose heads are supported; others are recognised by name. */
const TASKS = new Set(["detect", "segment", "pose", "classify"]);
/** Entries that are read. */
const KEYS = ["names", "stride", "task", "imgsz", "kpt_shape", "date", "version", "license", "epoch"];

export interface OnnxMetadata {
  readonly entries: Map<string, PlainValue>;
  readonly task: string | undefined;
  /** Number of keypoints of a box, and numbers of each. */
  readonly keypoints: readonly [count: number, size: number] | undefined;
  /** Number of class names. */
  readonly names: number | undefined;
  /** The newer package names itself; undefined if nothing indicates the family. */
  readonly family: Family | undefined;
  /** Whether an exporter of these networks wrote it. */
  readonly isYolo: boolean;
}

/** Far more keypoints than any skeleton has. */
const MAX_KEYPOINTS = 1024;
const isCount = (value: number): boolean => Number.isInteger(value) && value >= 1 && value <= MAX_KEYPOINTS;

/** @throws CheckpointError for an unsupported task. */
export function metadataOf({ metadata, nodes, constants }: OnnxModel): OnnxMetadata {
  const entries = new Map<string, PlainValue>();
  for (const key of KEYS) {
    const text = metadata.get(key);
    if (text !== undefined) entries.set(key, readLiteral(text));
  }
  const task = metadata.get("task");
  if (task !== undefined && !TASKS.has(task)) {
    const what = task === "obb" ? "oriented boxes (OBB)" : `the task ${JSON.stringify(task)}`;
    throw new CheckpointError(
      `is an ONNX export for ${what}, which is not supported; YOLOv5, v8 and 11 run for detection, segmentation, pose and classification, YOLO26 for detection`,
      { task },
    );
  }
  const shape = entries.get("kpt_shape");
  const [count, size] = Array.isArray(shape) && shape.length === 2 ? shape.map(scalarNumber) : [];
  const names = entries.get("names");
  const named = [...nodes.map(({ name }) => name), ...constants.keys()].some((name) =>
    /(^|\/)model\.\d+[./]/.test(name),
  );
  const newer = metadata.get("author") === "Ultralytics" || metadata.has("task");
  return {
    entries,
    task,
    keypoints: count !== undefined && isCount(count) && (size === 2 || size === 3) ? [count, size] : undefined,
    names: names instanceof Map ? names.size : Array.isArray(names) ? names.length : undefined,
    family: newer ? "ultralytics" : metadata.has("stride") ? "yolov5" : undefined,
    isYolo: entries.has("names") || named,
  };
}
