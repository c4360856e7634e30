/** What `model.detect` returns: boxes (with masks) or class scores in the original picture's terms, and their JSON. */

import { roundHalfEven, type Size, scaleBox } from "./boxes.js";
import { type ClassScore, topClasses } from "./classify.js";
import { type Prototypes, processMask, processMaskNative, scaleMask } from "./masks.js";
import type { Candidate } from "./nms.js";
import { normalizedPolygon } from "./polygons.js";
import { formatF } from "./printf.js";
import { type BinaryMask, encodeRle, maskToBitmap, type Rle, rleArea } from "./rle.js";

/** One object. Pixels of the upright original picture, clipped to it, not rounded. */
export interface Detection {
  readonly xmin: number;
  readonly ymin: number;
  readonly xmax: number;
  readonly ymax: number;
  /** 0 to 1. */
  readonly confidence: number;
  /** Class index. */
  readonly class: number;
  readonly name: string;
  /** Tracked videos only: the object's id, the same in every frame; absent while it is not confirmed. */
  readonly track?: number | undefined;
}

/** One object with its mask, which is computed when it is first asked for. */
export interface SegmentedDetection extends Detection {
  /** At the size of the original picture. */
  readonly mask: Rle;
  /** Pixels of `mask`. */
  readonly area: number;
  /** `mask` as a row-major 0/1 bitmap, `height` × `width` of the original. */
  bitmap(): Uint8Array;
  /** The largest outer contour, x, y, x, y, … divided by the original's width and height; empty for an empty mask. */
  polygon(): Float32Array;
  /** The mask as v7.0 thresholds it: at the size of the network's input, or the original's with retina masks. */
  thresholded(): BinaryMask;
}

/** Milliseconds. */
export interface Speed {
  readonly preprocess: number;
  readonly inference: number;
  readonly postprocess: number;
}

/** Facts about one picture's run. */
export interface ResultFacts {
  /** Path or URL, absent for pictures from memory. */
  readonly source?: string | undefined;
  /** Of the upright original, in pixels. */
  readonly width: number;
  readonly height: number;
  /** NCHW shape of what the network saw. */
  readonly input: readonly number[];
  readonly names: readonly string[];
  readonly speed: Speed;
  /** Video only: frame number, and its time in seconds. */
  readonly frame?: number | undefined;
  readonly time?: number | undefined;
  /** Sentences about a picture that was used although a part of it is lost; absent where all is well. */
  readonly warnings?: readonly string[] | undefined;
}

/** Boxes that survived suppression, in pixels of the original. */
export function detectionsFrom(
  candidates: readonly Candidate[],
  input: Size,
  original: Size,
  names: readonly string[],
): Detection[] {
  return candidates.map((candidate) => {
    const { x1, y1, x2, y2, confidence, classIndex } = candidate;
    const [xmin, ymin, xmax, ymax] = scaleBox([x1, y1, x2, y2], input, original);
    return { xmin, ymin, xmax, ymax, confidence, class: classIndex, name: names[classIndex] ?? `class${classIndex}` };
  });
}

/**
 * `detectionsFrom` with lazy masks. They hold on to the prototypes (3.3 MB at 640×640) until the result is dropped.
 * @param retinaMasks masks computed at the original's size instead of the network's input.
 */
export function segmentedDetectionsFrom(
  candidates: readonly Candidate[],
  prototypes: Prototypes,
  input: Size,
  original: Size,
  names: readonly string[],
  retinaMasks = false,
): SegmentedDetection[] {
  return detectionsFrom(candidates, input, original, names).map((detection, i) => {
    const { x1, y1, x2, y2, coefficients = new Float32Array(0) } = candidates[i];
    const { xmin, ymin, xmax, ymax } = detection;
    const threshold = (): BinaryMask =>
      retinaMasks
        ? processMaskNative(
            prototypes,
            coefficients,
            [roundHalfEven(xmin), roundHalfEven(ymin), roundHalfEven(xmax), roundHalfEven(ymax)],
            original,
          )
        : processMask(prototypes, coefficients, [x1, y1, x2, y2], input);
    const full = (): BinaryMask => (retinaMasks ? threshold() : scaleMask(threshold(), original));
    let rle: Rle | undefined;
    return {
      ...detection,
      get mask() {
        rle ??= encodeRle(full());
        return rle;
      },
      get area() {
        return rleArea(this.mask);
      },
      bitmap: () => maskToBitmap(full()),
      polygon: () => normalizedPolygon(threshold(), original),
      thresholded: threshold,
    };
  });
}

/** Four numbers, confidence, class index: a row of AutoShape's `xyxy`. */
export type BoxRow = readonly [number, number, number, number, confidence: number, classIndex: number];

/** Boxes of one picture, by confidence, descending. `task` tells boxes with masks from boxes alone. */
export class DetectionResult<D extends Detection = Detection, T extends "detect" | "segment" = "detect"> {
  readonly task: T;
  readonly source: string | undefined;
  readonly width: number;
  readonly height: number;
  readonly input: readonly number[];
  readonly names: readonly string[];
  readonly speed: Speed;
  readonly frame: number | undefined;
  readonly time: number | undefined;
  /** Sentences about a picture that was used although a part of it is lost. */
  readonly warnings: readonly string[] | undefined;
  readonly detections: readonly D[];

  constructor(facts: ResultFacts, detections: readonly D[], task?: T) {
    // T is "detect" where nobody says otherwise.
    this.task = task ?? ("detect" as T);
    this.source = facts.source;
    this.width = facts.width;
    this.height = facts.height;
    this.input = facts.input;
    this.names = facts.names;
    this.speed = facts.speed;
    this.frame = facts.frame;
    this.time = facts.time;
    this.warnings = facts.warnings;
    this.detections = detections;
  }

  get length(): number {
    return this.detections.length;
  }

  /** Corners in pixels: `[xmin, ymin, xmax, ymax, confidence, class]`. */
  get xyxy(): BoxRow[] {
    return this.detections.map((d) => [d.xmin, d.ymin, d.xmax, d.ymax, d.confidence, d.class]);
  }

  /** Centre and size in pixels: `[x, y, width, height, confidence, class]`. */
  get xywh(): BoxRow[] {
    return this.detections.map((d) => [
      (d.xmin + d.xmax) / 2,
      (d.ymin + d.ymax) / 2,
      d.xmax - d.xmin,
      d.ymax - d.ymin,
      d.confidence,
      d.class,
    ]);
  }

  /** `xyxy` divided by the picture's width and height. */
  get xyxyn(): BoxRow[] {
    return this.xyxy.map((row) => this.#normalize(row));
  }

  /** `xywh` divided by the picture's width and height. */
  get xywhn(): BoxRow[] {
    return this.xywh.map((row) => this.#normalize(row));
  }

  #normalize([a, b, c, d, confidence, classIndex]: BoxRow): BoxRow {
    return [a / this.width, b / this.height, c / this.width, d / this.height, confidence, classIndex];
  }

  /** `4 persons, 1 bus` by class index, or `(no detections)`: the middle of detect.py's log line. */
  summary(): string {
    const counts = new Map<number, { name: string; count: number }>();
    for (const { class: index, name } of this.detections) {
      const entry = counts.get(index);
      if (entry) entry.count++;
      else counts.set(index, { name, count: 1 });
    }
    if (counts.size === 0) return "(no detections)";
    return [...counts.entries()]
      .sort(([a], [b]) => a - b)
      .map(([, { name, count }]) => `${count} ${name}${count > 1 ? "s" : ""}`)
      .join(", ");
  }

  /** An entry of `images` in the command's JSON; masks are computed here at the latest. */
  toJSON() {
    return { ...factsJson(this), detections: this.detections, speed: this.speed };
  }
}

/** Boxes with masks: `polygon()`, `bitmap()` and `mask` of every detection. */
export type SegmentationResult = DetectionResult<SegmentedDetection, "segment">;

/** Class scores of one picture. */
export class ClassificationResult {
  readonly task = "classify";
  readonly source: string | undefined;
  readonly width: number;
  readonly height: number;
  readonly input: readonly number[];
  readonly names: readonly string[];
  readonly speed: Speed;
  readonly frame: number | undefined;
  readonly time: number | undefined;
  /** Sentences about a picture that was used although a part of it is lost. */
  readonly warnings: readonly string[] | undefined;
  /** Softmax over all classes, by class index. */
  readonly probabilities: Float32Array;
  /** The five most probable classes, or all where there are fewer. */
  readonly top5: readonly ClassScore[];

  constructor(facts: ResultFacts, probabilities: Float32Array) {
    this.source = facts.source;
    this.width = facts.width;
    this.height = facts.height;
    this.input = facts.input;
    this.names = facts.names;
    this.speed = facts.speed;
    this.frame = facts.frame;
    this.time = facts.time;
    this.warnings = facts.warnings;
    this.probabilities = probabilities;
    this.top5 = topClasses(probabilities, facts.names);
  }

  /** None: a classification has no boxes. Here so that every result can be looped over. */
  get detections(): readonly Detection[] {
    return [];
  }

  get length(): number {
    return 0;
  }

  get xyxy(): BoxRow[] {
    return [];
  }

  get xywh(): BoxRow[] {
    return [];
  }

  get xyxyn(): BoxRow[] {
    return [];
  }

  get xywhn(): BoxRow[] {
    return [];
  }

  /** `bus 0.87, truck 0.10, …`: the middle of classify/predict.py's log line. */
  summary(): string {
    return this.top5.map(({ name, confidence }) => `${name} ${formatF(confidence, 2)}`).join(", ");
  }

  /** An entry of `images` in the command's JSON. */
  toJSON() {
    return { ...factsJson(this), top5: this.top5, speed: this.speed };
  }
}

function factsJson({ source, width, height, input, frame, time, warnings }: ResultFacts) {
  return {
    ...(source === undefined ? {} : { source }),
    ...(frame === undefined ? {} : { frame }),
    ...(time === undefined ? {} : { time }),
    width,
    height,
    input,
    ...(warnings === undefined ? {} : { warnings }),
  };
}
