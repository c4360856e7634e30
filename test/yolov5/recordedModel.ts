/** Models of small networks whose runs are recorded, and pictures of noise. */

import { decodeImage } from "../../src/image/index.js";
import type { Backend } from "../../src/runtime/backend.js";
import { createCpuBackend } from "../../src/runtime/cpu/backend.js";
import { seededRandom } from "../../src/tensor/index.js";
import { type RawPicture, readPicture } from "../../src/yolov5/input/pictures.js";
import { createMember, type OpenedModel } from "../../src/yolov5/loadModel.js";
import { LocalRunner } from "../../src/yolov5/localRunner.js";
import { Model } from "../../src/yolov5/model.js";
import type { DetectOptions } from "../../src/yolov5/options.js";
import type { DetectionResult } from "../../src/yolov5/output/results.js";
import { recordingBackend } from "./recordingBackend.js";
import { fixturePath, openFile } from "./trees.js";

export const V6 = openFile(fixturePath("v6.pt"));

/** Random weights: most scores are small. */
export const LOW: DetectOptions = { conf: 0.02, imgsz: 64, maxDet: 20 };

export function noise(width: number, height: number, seed = 1): RawPicture {
  const random = seededRandom(seed);
  return { width, height, data: Uint8Array.from({ length: width * height * 3 }, () => random() * 256) };
}

export async function reader(source: RawPicture) {
  const picture = await readPicture(source, { decode: decodeImage });
  if (!picture) throw new Error("no picture");
  return picture;
}

export function modelOf(
  opened: readonly OpenedModel[] = [V6],
  backend: Backend = createCpuBackend(),
): Model<RawPicture> {
  const members = opened.map((o, i) => createMember(o, backend, { path: `${i}.pt` }));
  return new Model(new LocalRunner(members, backend, reader));
}

/** A model that records the input shapes of its runs. */
export function recordedModel(opened: readonly OpenedModel[] = [V6], delay?: number) {
  const { backend, record } = recordingBackend(delay === undefined ? {} : { delay });
  return { model: modelOf(opened, backend), record };
}

export const boxes = (results: readonly unknown[]): unknown[] => results.map((r) => (r as DetectionResult).detections);
