/** Pictures with YOLO label files → data set. Finds all problems before anything runs. */

import { relative } from "node:path";
import { DatasetError } from "../../errors.js";
import { parseLabels } from "../../eval/dataset/labels.js";
import { type DetectionDataset, type GroundTruth, NO_OBJECTS, type Sample } from "../../eval/dataset/types.js";
import { readPictureSize } from "../../image/pictureSize.js";
import type { RgbImage } from "../../image/types.js";
import type { KeypointShape } from "../../yolov5/graph/heads.js";
import { readFailure, readRegularFile } from "../files/regularFile.js";
import { readTextFile } from "../files/textFile.js";
import { readPictureFile } from "../pictures/pictureFile.js";
import { decodeAside } from "../pictures/pictureThread.js";
import { LeftOut, labelPathOf } from "./files.js";

export interface ReadOptions {
  /** Maximum number of pixels per picture. Default 2^26. */
  readonly maxPixels?: number | undefined;
  /** Called with a sentence about each picture or label that is left out or corrected. */
  readonly onWarning?: ((message: string) => void) | undefined;
  /** Receives the number of files checked so far, and the total. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Read keypoints after the boxes of label files: how many, and numbers of each (`model.info.keypoints`). */
  readonly keypoints?: KeypointShape | undefined;
  /** False: label files are neither needed nor read. Default true. */
  readonly labels?: boolean | undefined;
}

/** YOLOv5 v7.0 treats smaller pictures as corrupt. */
const LEAST_SIDE = 10;

/**
 * Reads sizes and labels of all pictures.
 * @throws DatasetError with file and line of the first unreadable label, and the number of others.
 */
export async function readYoloDataset(
  name: string,
  pictures: readonly string[],
  names: readonly string[] | undefined,
  options: ReadOptions,
): Promise<DetectionDataset> {
  const reader = new Reader(options);
  for (const [index, path] of pictures.entries()) {
    options.signal?.throwIfAborted();
    await reader.read(path);
    options.onProgress?.(index + 1, pictures.length);
  }
  reader.refuse();
  reader.leftOut.finish(name);
  if (options.labels !== false && reader.labelled === 0 && pictures.length > 0) {
    options.onWarning?.(
      `${name}: no labels found for any of its ${pictures.length} pictures, so there is nothing to compare with; ` +
        `labels of ${shown(pictures[0])} are expected in ${shown(labelPathOf(pictures[0]))}`,
    );
  }
  return { name, samples: reader.samples, names, excluded: reader.leftOut.entries };
}

/** A picture that is read and decoded on demand. */
export async function sampleOf(
  path: string,
  truth: GroundTruth,
  { maxPixels, onWarning, signal }: ReadOptions,
  imageId?: number | string,
): Promise<Sample> {
  const decode: typeof decodeAside = (bytes, options) => decodeAside(bytes, { ...options, signal });
  const { width, height } = await readPictureSize(await readRegularFile(path), path, { maxPixels, decode });
  return {
    name: path,
    imageId,
    width,
    height,
    truth,
    load: () => loadSample(path, { maxPixels, onWarning, signal }),
  };
}

/** @throws ImageError. */
export async function loadSample(path: string, { maxPixels, onWarning, signal }: ReadOptions): Promise<RgbImage> {
  return decodeAside(await readPictureFile(path), { path, maxPixels, onNote: onWarning, signal });
}

/** The shorter of the absolute and the relative path. */
function shown(path: string): string {
  const short = relative(process.cwd(), path);
  return short === "" || short.startsWith("..") ? path : short;
}

class Reader {
  readonly samples: Sample[] = [];
  readonly leftOut: LeftOut;
  labelled = 0;
  private readonly malformed: string[] = [];
  private readonly options: ReadOptions;

  constructor(options: ReadOptions) {
    this.options = options;
    this.leftOut = new LeftOut(options.onWarning);
  }

  async read(path: string): Promise<void> {
    const truth = await this.readTruth(path);
    if (!truth) return;
    try {
      const sample = await sampleOf(path, truth, this.options);
      if (Math.min(sample.width, sample.height) < LEAST_SIDE) {
        this.exclude(path, `${path}: ${sample.width}×${sample.height} pixels; sides must have at least ${LEAST_SIDE}`);
      } else this.samples.push(sample);
    } catch (error) {
      const system = (error as NodeJS.ErrnoException).syscall !== undefined;
      this.exclude(path, system ? `${path}: ${readFailure(error, path)}` : (error as Error).message);
    }
  }

  /** @throws DatasetError if a label file has unreadable lines. */
  refuse(): void {
    const [first, ...others] = this.malformed;
    if (first === undefined) return;
    const more =
      others.length === 0
        ? ""
        : `; ${others.length} more lines are wrong: ${others.slice(0, 3).join("; ")}${others.length > 3 ? "; …" : ""}`;
    throw new DatasetError(`${first}; fix the label file${more}`, { problems: this.malformed });
  }

  /** Undefined if the picture is left out. A picture without a label file is background. */
  private async readTruth(picture: string): Promise<GroundTruth | undefined> {
    if (this.options.labels === false) return NO_OBJECTS;
    const path = labelPathOf(picture);
    let text: string;
    try {
      text = await readTextFile(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return NO_OBJECTS;
      throw new DatasetError(`${shown(path)}: ${readFailure(error, path)}`, { path });
    }
    this.labelled++;
    const { truth, problems, duplicates } = parseLabels(text, this.options.keypoints);
    for (const { line, message, kind } of problems) {
      if (kind === "malformed") this.malformed.push(`${shown(path)}:${line}: ${message}`);
    }
    const outside = problems.filter(({ kind }) => kind === "outside");
    if (outside.length > 0) {
      const [{ line, message }] = outside;
      const more = outside.length > 1 ? ` (and ${outside.length - 1} more lines)` : "";
      this.exclude(picture, `${shown(path)}:${line}: ${message}${more}`);
      return undefined;
    }
    if (duplicates.length > 0) {
      const lines = duplicates.slice(0, 5).join(", ");
      const many = duplicates.length > 1;
      this.options.onWarning?.(
        `${shown(path)}: line${many ? "s" : ""} ${lines}${duplicates.length > 5 ? ", …" : ""} ${many ? "repeat earlier ones and count" : "repeats an earlier one and counts"} once`,
      );
    }
    return truth;
  }

  private exclude(picture: string, reason: string): void {
    this.leftOut.add(picture, reason, ", as val.py does");
  }
}
