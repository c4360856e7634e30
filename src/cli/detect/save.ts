/** What a run leaves on disk: annotated pictures, label files, crops. */

import { appendFile, mkdir, readdir } from "node:fs/promises";
import { basename, extname, join } from "node:path";
import { encodeJpeg, type Font, loadFont, type PictureFormat, type RgbImage } from "../../image/index.js";
import { writeAtomically } from "../../node/download.js";
import type { VideoInput } from "../../node/video/input.js";
import { VideoWriter, type VideoWriterOptions } from "../../node/video/writeVideo.js";
import type { Trail } from "../../tracking/index.js";
import { roundHalfEven } from "../../yolov5/boxes.js";
import type { Result } from "../../yolov5/model.js";
import type { Detection, DetectionResult, SegmentationResult } from "../../yolov5/results.js";
import { classificationLines, detectionLines, segmentationLines } from "../../yolov5/saveText.js";
import { type DrawOptions, draw, encode } from "./draw.js";
import { makeRunFolder } from "./runFolder.js";

export interface SaveOptions extends DrawOptions {
  readonly project: string;
  readonly name: string;
  readonly existOk: boolean;
  readonly pictures: boolean;
  readonly imageFormat: "source" | "jpg" | "png";
  readonly labels: boolean;
  readonly confidences: boolean;
  readonly crops: boolean;
}

/** detect.py's crops: the box × 1.02 + 10 pixels. */
const CROP_GAIN = 1.02;
const CROP_PAD = 10;

/** What one video leaves. */
export interface VideoSaver {
  readonly writer: VideoWriter | undefined;
  readonly save: (image: RgbImage, result: Result, trails: readonly Trail[]) => Promise<void>;
}

export class Saver {
  private readonly options: SaveOptions;
  private folder: string | undefined;
  private font: Font | undefined;
  /** Names of pictures written in this run: a second bus.jpg of another folder must not replace the first. */
  private readonly taken = new Set<string>();
  private readonly cropCounts = new Map<string, number>();

  constructor(options: SaveOptions) {
    this.options = options;
  }

  /** The run's folder, undefined while nothing was written. */
  get savedTo(): string | undefined {
    return this.folder;
  }

  /** Writes what the options ask for; each picture whole or not at all. */
  async save(
    source: string,
    image: RgbImage,
    format: PictureFormat | undefined,
    result: Result,
    trails: readonly Trail[] = [],
  ): Promise<void> {
    const { options } = this;
    if (!this.writes) return;
    this.folder ??= await makeRunFolder(options.project, options.name, options.existOk);
    const stem = this.claim(fileNameOf(source), format);
    if (options.labels) await this.saveLabels(this.folder, stem, result);
    if (options.crops && result.task !== "classify") await this.saveCrops(this.folder, stem, image, result);
    if (options.pictures) {
      const { bytes, ending } = encode(this.draw(image, result, trails), options.imageFormat, format);
      await writeAtomically(join(this.folder, stem + (keptEnding(source, ending) ?? ending)), bytes);
    }
  }

  /**
   * Opens what a video leaves: an MP4 file with its frames, and the name that label files and crops begin with.
   * Nothing, where the options ask for nothing.
   */
  async openVideo(
    { source, live }: Pick<VideoInput, "source" | "live">,
    video: VideoWriterOptions,
  ): Promise<VideoSaver | undefined> {
    const { options } = this;
    if (!this.writes) return undefined;
    this.folder ??= await makeRunFolder(options.project, options.name, options.existOk);
    const { folder } = this;
    const name = live
      ? safeName(source.replace(/^\/dev\/|:\/\//g, "_").replace(/^_/, ""), "stream")
      : fileNameOf(source);
    const ownEnding = live ? "" : extname(name);
    const stem = this.claim(`${name.slice(0, name.length - ownEnding.length)}.mp4`, undefined);
    const writer = options.pictures ? await VideoWriter.open(join(folder, `${stem}.mp4`), video) : undefined;
    return {
      writer,
      save: async (image, result, trails) => {
        // Begun before anything is awaited: what is counted as done is in the file, also after Ctrl-C.
        const written = writer?.write(this.draw(image, result, trails));
        if (options.labels) await this.saveLabels(folder, `${stem}_${result.frame}`, result);
        if (options.crops && result.task !== "classify") await this.saveCrops(folder, stem, image, result);
        await written;
      },
    };
  }

  private draw(image: RgbImage, result: Result, trails: readonly Trail[]): RgbImage {
    // Read once a run, which for a video is the difference of some milliseconds a frame.
    this.font ??= loadFont();
    return draw(image, result, { ...this.options, font: this.font }, trails);
  }

  private get writes(): boolean {
    return this.options.pictures || this.options.labels || this.options.crops;
  }

  /** How many label files the run's folder holds. */
  async labelCount(): Promise<number> {
    if (!this.folder || !this.options.labels) return 0;
    const names = await readdir(join(this.folder, "labels")).catch((): string[] => []);
    return names.filter((name) => name.endsWith(".txt")).length;
  }

  /** The name without its ending, with a number where another source of this run had the same name. */
  private claim(name: string, format: PictureFormat | undefined): string {
    const ending = extname(name);
    const stem = name.slice(0, name.length - ending.length) || "picture";
    for (let n = 1; ; n++) {
      const candidate = n === 1 ? stem : `${stem}_${n}`;
      const key = `${candidate}${ending || format}`.toLowerCase();
      if (this.taken.has(key)) continue;
      this.taken.add(key);
      return candidate;
    }
  }

  private async saveLabels(folder: string, stem: string, result: Result): Promise<void> {
    const lines = linesOf(result, this.options.confidences);
    const labels = join(folder, "labels");
    await mkdir(labels, { recursive: true });
    if (lines.length > 0) await appendFile(join(labels, `${stem}.txt`), `${lines.join("\n")}\n`);
  }

  private async saveCrops(
    folder: string,
    stem: string,
    image: RgbImage,
    result: DetectionResult | SegmentationResult,
  ): Promise<void> {
    // The lowest confidence first, as detect.py numbers them.
    for (const detection of result.detections.toReversed()) {
      const crop = cropOf(image, detection);
      if (!crop) continue;
      const key = join("crops", safeName(detection.name, `class${detection.class}`), stem);
      const n = (this.cropCounts.get(key) ?? 0) + 1;
      this.cropCounts.set(key, n);
      await writeAtomically(join(folder, `${key}${n === 1 ? "" : n}.jpg`), encodeJpeg(crop));
    }
  }
}

/** The label lines of a result, after its task. */
function linesOf(result: Result, saveConf: boolean): string[] {
  if (result.task === "classify") return classificationLines(result);
  if (result.task === "segment") return segmentationLines(result, saveConf);
  return detectionLines(result, saveConf);
}

/** `.JPG` and `.jpeg` stay as they are where the format does. */
function keptEnding(source: string, ending: ".jpg" | ".png"): string | undefined {
  const own = extname(fileNameOf(source));
  const same = ending === ".jpg" ? /^\.jpe?g$/i : /^\.png$/i;
  return same.test(own) ? own : undefined;
}

/** The last part of a path or of a URL's path, fit for a file name. */
export function fileNameOf(source: string): string {
  if (!/^https?:\/\//i.test(source)) return basename(source);
  const last = basename(new URL(source).pathname);
  let name = last;
  try {
    name = decodeURIComponent(last);
  } catch {
    // A lone % is no escape: the name stays as it is.
  }
  return safeName(name, "picture");
}

/** Class names and URLs are of strangers: no separators, no way up, nothing that a file system forbids. */
export function safeName(name: string, fallback: string): string {
  const safe = name
    .replace(/[\p{Cc}/\\:*?"<>|]/gu, "_")
    .trim()
    .replace(/^\.+|[. ]+$/g, "")
    .slice(0, 100);
  return safe === "" ? fallback : safe;
}

/** The part of the picture around a box: its rounded corners, scaled by 1.02, 10 pixels more, cut to whole pixels. */
export function cropOf(image: RgbImage, detection: Detection): RgbImage | undefined {
  const [x1, y1, x2, y2] = [detection.xmin, detection.ymin, detection.xmax, detection.ymax].map(roundHalfEven);
  const halfWidth = ((x2 - x1) * CROP_GAIN + CROP_PAD) / 2;
  const halfHeight = ((y2 - y1) * CROP_GAIN + CROP_PAD) / 2;
  const clip = (value: number, size: number): number => Math.min(Math.max(Math.trunc(value), 0), size);
  const left = clip((x1 + x2) / 2 - halfWidth, image.width);
  const right = clip((x1 + x2) / 2 + halfWidth, image.width);
  const top = clip((y1 + y2) / 2 - halfHeight, image.height);
  const bottom = clip((y1 + y2) / 2 + halfHeight, image.height);
  const [width, height] = [right - left, bottom - top];
  if (width < 1 || height < 1) return undefined;
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    const from = ((top + y) * image.width + left) * 3;
    data.set(image.data.subarray(from, from + width * 3), y * width * 3);
  }
  return { width, height, data };
}
