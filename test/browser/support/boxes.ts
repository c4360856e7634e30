/** PyTorch's answers for one checkpoint and picture: the official one where the reference material is, else our twin's. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import type { Detection, DetectOptions } from "../../../src/index.js";
import { REPOSITORY, referencePath } from "../../support/reference.js";

interface ExpectedRun {
  readonly image: string;
  readonly size: number;
  readonly rect: boolean;
  readonly conf: number;
  readonly iou: number;
  readonly options: Readonly<Record<string, unknown>>;
  readonly detections: readonly { readonly box: readonly number[]; readonly score: number; readonly cls: number }[];
}

export interface ParityCase {
  /** Files on this machine. */
  readonly weights: string;
  readonly picture: string;
  /** The same below the root of a plain site. */
  readonly weightsUrl: string;
  readonly pictureUrl: string;
  readonly options: DetectOptions;
  readonly expected: ExpectedRun["detections"];
}

/** Only `max_det`: what detect.py does by default, on the stride-minimal rectangle. */
function plainRun(path: string, image: string, size: number): ExpectedRun {
  const { runs } = JSON.parse(readFileSync(path, "utf8")) as { runs: readonly ExpectedRun[] };
  const run = runs.find(
    (r) => r.image === image && r.rect && r.size === size && Object.keys(r.options).join() === "max_det",
  );
  if (!run) throw new Error(`${path} has no plain run of ${image} at ${size}`);
  return run;
}

export function parityCase(size: 320 | 640): ParityCase {
  const weights = referencePath("weights", "yolov5n.pt");
  const picture = referencePath("images", "demo", "bus.jpg");
  const answers = referencePath("reference", "yolov5n.json");
  const official = weights && picture && answers ? { weights, picture, answers } : undefined;
  const fixtures = join(REPOSITORY, "test/fixtures/pytorch");
  const run = official
    ? plainRun(official.answers, "bus.jpg", size)
    : plainRun(join(fixtures, "v6.json"), "picture.png", 96);
  return {
    weights: official?.weights ?? join(fixtures, "v6.pt"),
    picture: official?.picture ?? join(fixtures, "picture.png"),
    weightsUrl: official ? "reference/weights/yolov5n.pt" : "fixtures/pytorch/v6.pt",
    pictureUrl: official ? "reference/images/demo/bus.jpg" : "fixtures/pytorch/picture.png",
    options: { imgsz: run.size, conf: run.conf, iou: run.iou },
    expected: run.detections,
  };
}

/** Same classes and counts, boxes within 0.05 px, scores within 2e-4. */
export function expectBoxes(actual: readonly Detection[], expected: ParityCase["expected"]): void {
  expect(actual).toHaveLength(expected.length);
  const left = [...actual];
  for (const { box, score, cls } of expected) {
    const index = left.findIndex(
      (d) =>
        d.class === cls &&
        Math.abs(d.confidence - score) <= 2e-4 &&
        [d.xmin, d.ymin, d.xmax, d.ymax].every((value, i) => Math.abs(value - box[i]) <= 0.05),
    );
    expect(index, `class ${cls} at ${box} (${score}) among ${JSON.stringify(left.slice(0, 3))}`).toBeGreaterThan(-1);
    left.splice(index, 1);
  }
}
