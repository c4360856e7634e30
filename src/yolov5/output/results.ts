/** What `model.detect` returns: boxes (with masks) or class scores in the original picture's terms, and their JSON. */

import type { DrawnResult } from "../draw/drawStyle.js";
import { type ResultSaver, type SaveOptions, saveWith } from "../draw/saver.js";
import { type ClassScore, topClasses } from "./classify.js";
import { changed, type Detection, type PosedDetection, type SegmentedDetection } from "./detections.js";
import { classificationCsv, detectionCsv } from "./text/csv.js";
import { formatF } from "./text/printf.js";

export {
  type Detection,
  detectionsFrom,
  type Keypoint,
  type PosedDetection,
  posedDetectionsFrom,
  type SegmentedDetection,
  segmentedDetectionsFrom,
} from "./detections.js";

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
  /** Size of the upright original, in pixels. */
  readonly width: number;
  readonly height: number;
  /** NCHW shape of the network's input; with `slice` that of a window. */
  readonly input: readonly number[];
  readonly names: readonly string[];
  readonly speed: Speed;
  /** Video only: frame number, and its time in seconds. */
  readonly frame?: number | undefined;
  readonly time?: number | undefined;
  /** How many windows the picture was cut into; absent without `slice`. */
  readonly slices?: number | undefined;
  /** Warnings about a picture that was used although part of it is missing; absent if there are none. */
  readonly warnings?: readonly string[] | undefined;
  /** Writes an annotated picture; present in results from Node's `detect`. */
  readonly saver?: ResultSaver | undefined;
}

/** Four numbers, confidence, class index: a row of AutoShape's `xyxy`. */
export type BoxRow = readonly [number, number, number, number, confidence: number, classIndex: number];

/** What every result records about its picture. */
abstract class PictureResult implements Omit<ResultFacts, "saver"> {
  readonly source: string | undefined;
  readonly width: number;
  readonly height: number;
  readonly input: readonly number[];
  readonly names: readonly string[];
  readonly speed: Speed;
  readonly frame: number | undefined;
  readonly time: number | undefined;
  /** How many windows the picture was cut into; undefined without `slice`. */
  readonly slices: number | undefined;
  readonly warnings: readonly string[] | undefined;
  /** Hidden from JSON and the console: it may contain an address with a password. */
  readonly #saver: ResultSaver | undefined;

  constructor(facts: ResultFacts) {
    this.source = facts.source;
    this.width = facts.width;
    this.height = facts.height;
    this.input = facts.input;
    this.names = facts.names;
    this.speed = facts.speed;
    this.frame = facts.frame;
    this.time = facts.time;
    this.slices = facts.slices;
    this.warnings = facts.warnings;
    // A result derived from another one is for the same picture.
    this.#saver = #saver in facts ? facts.#saver : facts.saver;
  }

  protected write(result: DrawnResult, path: string | URL, options: SaveOptions): Promise<void> {
    return saveWith(this.#saver, result, path, options);
  }
}

/** Boxes of one picture, by confidence, descending. `task` distinguishes boxes with masks from plain boxes. */
export class DetectionResult<
  D extends Detection = Detection,
  T extends "detect" | "segment" | "pose" = "detect",
> extends PictureResult {
  readonly task: T;
  readonly detections: readonly D[];

  constructor(facts: ResultFacts, detections: readonly D[], task?: T) {
    super(facts);
    // T defaults to "detect".
    this.task = task ?? ("detect" as T);
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

  /** A result for the same picture with only the detections for which `keep` returns true. */
  filter(keep: (detection: D, index: number) => boolean): DetectionResult<D, T> {
    return new DetectionResult(this, this.detections.filter(keep), this.task);
  }

  /**
   * A result for the same picture with the values returned by `change` in place of each detection's own. Other values
   * stay, and masks stay lazy.
   * @example
   * const anonymous = (await model.detect("bus.jpg")).map(() => ({ name: "someone" }));
   */
  map(change: (detection: D, index: number) => Partial<Detection>): DetectionResult<D, T> {
    const detections = this.detections.map((detection, index) => changed(detection, change(detection, index)));
    return new DetectionResult(this, detections, this.task);
  }

  /** The number of detections per class name, by class index; or for one name. */
  count(): ReadonlyMap<string, number>;
  count(name: string): number;
  count(name?: string): number | ReadonlyMap<string, number> {
    const byIndex = this.detections.toSorted((a, b) => a.class - b.class);
    const counts = new Map<string, number>();
    for (const detection of byIndex) counts.set(detection.name, (counts.get(detection.name) ?? 0) + 1);
    return name === undefined ? counts : (counts.get(name) ?? 0);
  }

  /**
   * CSV lines `source,frame,time,track,class,name,confidence,xmin,ymin,xmax,ymax`. Absent values are empty, strings
   * are quoted if necessary (RFC 4180).
   * @param header whether to begin with the column names; use false to append to a file.
   */
  toCSV({ header = true }: { readonly header?: boolean } = {}): string {
    return detectionCsv(this, header);
  }

  /**
   * Node: writes the picture with everything drawn on it, as `yolov5 detect` does; JPEG or PNG, depending on the
   * path's extension. The picture is read again from its source; if it came from memory, pass it in the options.
   * @throws OutputError, ImageError, OptionError, DownloadError, UnsupportedError.
   * @example
   * await (await model.detect("bus.jpg")).save("bus-found.jpg", { lineThickness: 4 });
   */
  save(path: string | URL, options: SaveOptions = {}): Promise<void> {
    return this.write(this, path, options);
  }

  /** An entry of `images` in the command's JSON; computes any masks. */
  toJSON() {
    return { ...factsJson(this), detections: this.detections, speed: this.speed };
  }
}

/** Boxes with masks: `polygon()`, `bitmap()` and `mask` of every detection. */
export type SegmentationResult = DetectionResult<SegmentedDetection, "segment">;

/** Boxes with keypoints. */
export type PoseResult = DetectionResult<PosedDetection, "pose">;

/** Class scores of one picture. */
export class ClassificationResult extends PictureResult {
  readonly task = "classify";
  /** Softmax over all classes, by class index. */
  readonly probabilities: Float32Array;
  /** The five most probable classes, or all if there are fewer. */
  readonly top5: readonly ClassScore[];

  constructor(facts: ResultFacts, probabilities: Float32Array) {
    super(facts);
    this.probabilities = probabilities;
    this.top5 = topClasses(probabilities, facts.names);
  }

  /** Empty: a classification has no boxes. Present so that every result can be looped over. */
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

  /** Returns itself: there are no boxes to filter. */
  filter(_keep: (detection: Detection, index: number) => boolean): ClassificationResult {
    return this;
  }

  /** Returns itself: there are no boxes to change. */
  map(_change: (detection: Detection, index: number) => Partial<Detection>): ClassificationResult {
    return this;
  }

  /** Empty: a classification has no boxes. */
  count(): ReadonlyMap<string, number>;
  count(name: string): number;
  count(name?: string): number | ReadonlyMap<string, number> {
    return name === undefined ? new Map() : 0;
  }

  /** CSV lines `source,frame,time,class,name,confidence` for the five most probable classes. */
  toCSV({ header = true }: { readonly header?: boolean } = {}): string {
    return classificationCsv(this, header);
  }

  /** Like `DetectionResult.save`: writes the picture with its best classes in a corner. */
  save(path: string | URL, options: SaveOptions = {}): Promise<void> {
    return this.write(this, path, options);
  }

  /** An entry of `images` in the command's JSON. */
  toJSON() {
    return { ...factsJson(this), top5: this.top5, speed: this.speed };
  }
}

function factsJson({ source, width, height, input, frame, time, slices, warnings }: ResultFacts) {
  return {
    ...(source === undefined ? {} : { source }),
    ...(frame === undefined ? {} : { frame }),
    ...(time === undefined ? {} : { time }),
    width,
    height,
    input,
    ...(slices === undefined ? {} : { slices }),
    ...(warnings === undefined ? {} : { warnings }),
  };
}
