/** `yolov5 detect`: sources → pictures → results → log lines, files, table, JSON. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { EngineError, type ErrorCode } from "../../errors.js";
import { VideoAddressError } from "../../node/downloadPicture.js";
import { EMBEDDED_MODEL } from "../../node/knownModels.js";
import { packageRoot } from "../../node/packageRoot.js";
import type { Result } from "../../yolov5/model.js";
import { checkImageSize, type DetectOptions, resolveOptions } from "../../yolov5/options.js";
import { EXIT, errorLine, InterruptedError, UsageError } from "../errors.js";
import type { DetectFlags } from "../flags.js";
import { orInterrupted, throwIfInterrupted } from "../interrupt.js";
import { type CliModel, describeModel, loadModel, modelJson } from "../loadModel.js";
import type { Output } from "../output.js";
import { type Bar, DownloadProgress, openBar } from "../progress.js";
import { heightWidth } from "../values.js";
import { Follower } from "./follow.js";
import { type ReadPicture, readPicture } from "./readPicture.js";
import { Saver } from "./save.js";
import { expandSources, type SourceItem } from "./sources.js";
import { logLine, SpeedMeter, Summary } from "./summary.js";
import { type VideoReport, VideoRun } from "./video.js";

const PROJECTS = { detect: "runs/detect", segment: "runs/predict-seg", classify: "runs/predict-cls" } as const;
/** Errors after which no further picture can succeed. */
const FATAL: ReadonlySet<ErrorCode> = new Set([
  "DEVICE",
  "DEVICE_LOST",
  "SHADER",
  "DISPOSED",
  "GRAPH",
  "WEIGHT",
  "OPTION",
]);

export async function runDetect(flags: DetectFlags, output: Output): Promise<number> {
  refuseUnavailable(flags, output);
  output.checkJson();
  const sources = flags.source ?? [exampleSource(flags.weights)];
  const items = await expandSources(sources, { signal: output.io.signal, frames: flags.track !== undefined });
  // A mistyped path is told before a model is downloaded for it; JSON needs the model's facts in any case.
  if (!output.wantsJson && !output.wantsNdjson && items.every(({ error }) => error !== undefined)) {
    for (const { error } of items) output.fail(error ?? "");
    return EXIT.failed;
  }
  const model = await loadModel(flags, output);
  try {
    describeModel(model, output);
    return await new DetectRun(flags, output, model, items).run();
  } finally {
    model.dispose();
  }
}

/** detect.py's flags that mean nothing here: told, or refused where results would be missed. */
function refuseUnavailable(flags: DetectFlags, output: Output): void {
  if (flags.visualize) {
    throw new UsageError(
      "--visualize: feature pictures are not written; the library's model.tap() gives any layer's output",
    );
  }
  if (flags.saveConf && !flags.saveTxt) output.warn("--save-conf does nothing without --save-txt");
  if (flags.viewImg) output.warn("--view-img: there is no window here; look at the pictures in the run's folder");
  if (flags.update) output.warn("--update: nothing to update, checkpoints are read without running what they contain");
  if (flags.dnn) output.warn("--dnn is for ONNX models and ignored");
}

function exampleSource(weights: readonly string[] | undefined): string {
  const embedded = (weights ?? []).every((name) => name === EMBEDDED_MODEL);
  const example = join(packageRoot(), "examples", `${EMBEDDED_MODEL}.png`);
  if (embedded && existsSync(example)) return example;
  throw new UsageError("--source is missing; give a picture, a folder, a glob or a URL, as in --source bus.jpg");
}

function detectOptions(flags: DetectFlags, output: Output): DetectOptions {
  return {
    imgsz: heightWidth(flags.imgsz),
    conf: flags.confThres,
    iou: flags.iouThres,
    maxDet: flags.maxDet,
    classes: flags.classes,
    agnostic: flags.agnosticNms,
    multiLabel: flags.multiLabel,
    augment: flags.augment,
    retinaMasks: flags.retinaMasks,
    square: flags.square,
    batchSize: flags.batchSize,
    onWarning: (text) => output.warn(text),
  };
}

class DetectRun {
  private readonly flags: DetectFlags;
  private readonly output: Output;
  private readonly model: CliModel;
  private readonly items: readonly SourceItem[];
  private readonly options: DetectOptions;
  private readonly saver: Saver;
  private readonly speed = new SpeedMeter();
  private readonly summary = new Summary();
  private readonly images: unknown[] = [];
  private readonly videos: VideoReport[] = [];
  private readonly follower: Follower | undefined;
  private video: VideoRun | undefined;
  /** Why sources gave no picture. */
  private readonly errors = new Map<SourceItem, string>();
  /** Addresses whose servers turned out to send videos. */
  private readonly videoAddresses = new Set<SourceItem>();
  private done = 0;
  private failed = 0;

  constructor(flags: DetectFlags, output: Output, model: CliModel, items: readonly SourceItem[]) {
    this.flags = flags;
    this.output = output;
    this.model = model;
    this.items = items;
    const following = flags.track !== undefined && model.task !== "classify";
    this.follower = following ? new Follower(flags) : undefined;
    const conf = this.follower?.networkConf ?? flags.confThres;
    this.options = { ...detectOptions(flags, output), conf };
    // Told before the first picture is read.
    resolveOptions(this.options, model.names.length);
    this.saver = new Saver({
      project: flags.project ?? PROJECTS[model.task],
      name: flags.name,
      existOk: flags.existOk ?? false,
      pictures: !flags.nosave,
      imageFormat: flags.imageFormat,
      labels: flags.saveTxt ?? false,
      confidences: flags.saveConf ?? false,
      crops: flags.saveCrop ?? false,
      lineThickness: flags.lineThickness,
      hideLabels: flags.hideLabels,
      hideConf: flags.hideConf,
    });
    if (flags.augment && model.task !== "detect") output.warn("--augment is for detection models and ignored");
    if (flags.track && !following) output.warn("--track follows boxes and is ignored in classification");
    if (flags.saveCrop && model.task === "classify") output.warn("--save-crop has no boxes to crop in classification");
  }

  async run(): Promise<number> {
    const { output, items } = this;
    const bar = await this.openBar();
    let stopped: InterruptedError | undefined;
    try {
      await orInterrupted(output.io.signal, this.runAll(bar));
    } catch (error) {
      if (!(error instanceof InterruptedError)) throw error;
      // The frames so far become a video that plays.
      await this.video?.finish();
      if (this.video) this.videos.push(this.video.report);
      const what = this.video ? `frames of ${this.video.source}` : `of ${items.length} pictures`;
      stopped = new InterruptedError(`interrupted after ${this.video?.report.frames ?? this.done} ${what}`);
    } finally {
      bar.stop();
    }
    await this.report();
    await output.writeJson({
      model: modelJson(this.model),
      backend: this.model.device,
      images: this.images,
      ...(this.videos.length === 0 ? {} : { videos: this.videos }),
      ...(this.saver.savedTo === undefined ? {} : { savedTo: this.saver.savedTo }),
    });
    if (stopped) return output.error(stopped);
    return this.failed > 0 ? EXIT.failed : EXIT.done;
  }

  /** One bar for many pictures, where the log lines do not already show on the same terminal how far it is. */
  private async openBar(): Promise<Bar> {
    const pictures = this.items.every(({ video }) => !video);
    const many = pictures && this.items.length > 1 && !this.output.humanOnTerminal;
    if (!many) return { update: () => undefined, stop: () => undefined };
    return openBar(this.output, this.items.length, "detecting {bar} {value}/{total} pictures, {eta} s left");
  }

  private async runAll(bar: Bar): Promise<void> {
    const { batchSize } = this.flags;
    for (let start = 0, end = 0; start < this.items.length; start = end) {
      end = start + 1;
      if (this.items[start].video) await this.runVideo(this.items[start], start);
      else {
        while (end < this.items.length && end - start < batchSize && !this.items[end].video) end++;
        await this.runBatch(this.items.slice(start, end), start);
      }
      bar.update(end);
    }
  }

  private async runVideo(item: SourceItem, index: number): Promise<void> {
    const { flags, output, model, options, saver, follower } = this;
    follower?.restart();
    try {
      const take = (result: Result): void => this.take(result);
      const context = { flags, output, model, options, saver, follower, take };
      this.video = new VideoRun(context, item.address ?? item.source, [index + 1, this.items.length]);
      await this.video.run();
    } catch (error) {
      if (isFatal(error)) throw error;
      throwIfInterrupted(output.io.signal);
      await this.fail(this.video?.source ?? item.source, errorLine(error));
    }
    throwIfInterrupted(output.io.signal);
    const { video } = this;
    this.video = undefined;
    if (!video || video.report.frames === 0) return;
    this.videos.push(video.report);
    output.line(video.line());
    // Pictures that come after it are a row of their own.
    follower?.restart();
  }

  private async runBatch(items: readonly SourceItem[], start: number): Promise<void> {
    const read: (ReadPicture | undefined)[] = [];
    for (const item of items) read.push(await this.read(item));
    const pictures = read.filter((entry) => entry !== undefined).map(({ picture }) => picture);
    let results: Result[] | undefined;
    try {
      if (pictures.length > 0) results = await this.model.detectPictures(pictures, this.options);
    } catch (error) {
      // One picture of several cannot be told from the others by now: each runs alone.
      if (items.length > 1 && !isFatal(error)) {
        for (const [i, item] of items.entries()) await this.runBatch([item], start + i);
        return;
      }
      if (isFatal(error)) throw error;
      await this.fail(items[0].source, errorLine(error));
      return;
    }
    throwIfInterrupted(this.output.io.signal);
    let next = 0;
    for (const [i, item] of items.entries()) {
      const entry = read[i];
      const result = entry && results?.[next++];
      if (result) await this.keep(item.source, entry, result, start + i + 1);
      else if (this.videoAddresses.has(item)) await this.runVideo(item, start + i);
      else await this.fail(item.source, this.errors.get(item) ?? "not read");
    }
  }

  /** Undefined where the source gives no picture; `errors` then says why. */
  private async read(item: SourceItem): Promise<ReadPicture | undefined> {
    if (item.error !== undefined) {
      this.errors.set(item, item.error);
      return undefined;
    }
    const progress = new DownloadProgress(this.output, false);
    try {
      return await readPicture(item.address ?? item.source, {
        signal: this.output.io.signal,
        onProgress: progress.onProgress,
      });
    } catch (error) {
      throwIfInterrupted(this.output.io.signal);
      if (error instanceof VideoAddressError) this.videoAddresses.add(item);
      else this.errors.set(item, errorLine(error));
      return undefined;
    } finally {
      progress.stop();
    }
  }

  private async keep(source: string, read: ReadPicture, plain: Result, index: number): Promise<void> {
    const { result, trails } = this.follower?.follow(plain) ?? { result: plain, trails: [] };
    this.output.line(logLine(result, index, this.items.length));
    await this.saver.save(source, read.picture.image, read.format, result, trails);
    if (this.output.wantsNdjson) await this.output.writeNdjson(result);
    this.take(result);
  }

  /** Counts a result and keeps what the table and the JSON need of it. */
  private take(result: Result): void {
    this.speed.add(result);
    this.summary.add(result);
    // Masks are computed by toJSON, so only where somebody reads them.
    if (this.output.wantsJson) this.images.push(result.toJSON());
    this.done++;
  }

  private async fail(source: string, message: string): Promise<void> {
    this.failed++;
    this.output.fail(message);
    this.images.push({ source, error: message });
    if (this.output.wantsNdjson) await this.output.writeNdjson({ source, error: message });
  }

  private async report(): Promise<void> {
    const { output, saver } = this;
    if (this.done > 0) output.line(this.speed.line(this.inputSize()));
    if (saver.savedTo !== undefined) {
      output.line(`Results saved to ${saver.savedTo}`);
      if (this.flags.saveTxt)
        output.line(`${await saver.labelCount()} labels saved to ${join(saver.savedTo, "labels")}`);
    }
    if (this.failed > 0 && this.items.length > 1) output.line(`${this.failed} of ${this.items.length} sources failed`);
    if (this.follower) output.line(`${this.follower.runTotal} objects tracked`);
    const lines = this.summary.lines();
    if (lines.length > 0) output.line();
    for (const line of lines) output.line(line);
  }

  private inputSize(): readonly [number, number] {
    if (this.model.task === "classify") {
      const size = this.options.imgsz;
      const side = typeof size === "number" ? size : (size?.[0] ?? 224);
      return [side, side];
    }
    return checkImageSize(heightWidth(this.flags.imgsz) ?? [640, 640], this.model.info.stride, () => undefined);
  }
}

function isFatal(error: unknown): boolean {
  return error instanceof InterruptedError || (error instanceof EngineError && FATAL.has(error.code));
}
