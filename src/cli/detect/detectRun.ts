/** A run of `yolov5 detect`: sources → pictures and videos → results → log lines and files. */

import { EngineError, type ErrorCode } from "../../errors.js";
import type { Font } from "../../image/index.js";
import { VideoAddressError } from "../../node/net/downloadPicture.js";
import type { Trail } from "../../tracking/index.js";
import type { Result } from "../../yolov5/model.js";
import { type DetectOptions, resolveOptions } from "../../yolov5/options.js";
import { EXIT, errorLine, InterruptedError } from "../errors.js";
import { orInterrupted, throwIfInterrupted } from "../interrupt.js";
import type { CliModel } from "../loadModel.js";
import type { DetectFlags } from "../options/flags.js";
import { inputSize, noteSize } from "../options/sizeNote.js";
import { heightWidth } from "../options/values.js";
import type { Output } from "../output.js";
import { type Bar, DownloadProgress, openBar } from "../progress.js";
import { Collected } from "./collected.js";
import { Follower } from "./follow.js";
import { type ReadPicture, readPicture } from "./readPicture.js";
import { Saver } from "./save.js";
import type { SourceItem } from "./sources.js";
import { logLine } from "./summary.js";
import { VideoRun } from "./video.js";

const PROJECTS = {
  detect: "runs/detect",
  segment: "runs/predict-seg",
  pose: "runs/predict-pose",
  classify: "runs/predict-cls",
} as const;
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

/** Runs all sources. A failure is reported and kept with the results, and the other sources continue. */
export class DetectRun {
  private readonly flags: DetectFlags;
  private readonly output: Output;
  private readonly model: CliModel;
  private readonly items: readonly SourceItem[];
  private readonly options: DetectOptions;
  private readonly saver: Saver;
  private readonly collected: Collected;
  private readonly follower: Follower | undefined;
  private video: VideoRun | undefined;
  /** Why sources could not be read. */
  private readonly errors = new Map<SourceItem, string>();
  /** Addresses whose servers turned out to send videos. */
  private readonly videoAddresses = new Set<SourceItem>();

  constructor(
    flags: DetectFlags,
    output: Output,
    model: CliModel,
    items: readonly SourceItem[],
    font: Font | undefined,
  ) {
    this.flags = flags;
    this.output = output;
    this.model = model;
    this.items = items;
    this.collected = new Collected(output);
    const following = flags.track !== undefined && model.task !== "classify";
    this.follower = following ? new Follower(flags) : undefined;
    const conf = this.follower?.networkConf ?? flags.confThres;
    this.options = { ...detectOptions(flags, output), conf };
    // Checked before the first picture is read.
    resolveOptions(this.options, model.info);
    this.saver = new Saver(
      {
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
        font,
        signal: output.io.signal,
      },
      items.map(({ source }) => source),
    );
    noteSize(
      model.members.map(({ info }) => info),
      this.inputSize(),
      output,
    );
    if (flags.augment && model.task !== "detect") output.warn("--augment applies to detection models only; ignored");
    if (flags.track && !following) output.warn("--track needs boxes; ignored for classification");
    if (flags.saveCrop && model.task === "classify") output.warn("--save-crop needs boxes; ignored for classification");
  }

  async run(): Promise<number> {
    const { output } = this;
    const bar = await this.openBar();
    let stopped: unknown;
    try {
      await orInterrupted(output.io.signal, this.runAll(bar));
    } catch (error) {
      stopped = error instanceof InterruptedError ? await this.interrupted() : error;
      // Nothing has been done yet that could be reported.
      if (this.collected.done === 0 && !(stopped instanceof InterruptedError)) throw error;
    } finally {
      bar.stop();
    }
    await this.report();
    await output.writeJson(this.collected.json(this.model, this.saver));
    if (stopped !== undefined) return output.error(stopped);
    return this.collected.failed ? EXIT.failed : EXIT.done;
  }

  /** Completes the annotated video with the frames so far. @returns how far the run got. */
  private async interrupted(): Promise<InterruptedError> {
    const { collected, items, video } = this;
    if (!video) return new InterruptedError(`interrupted after ${collected.done} of ${items.length} pictures`);
    try {
      await video.finish();
    } catch (error) {
      await collected.fail(video.source, errorLine(error));
    }
    collected.takeVideo(video.report);
    return new InterruptedError(`interrupted after ${video.report.frames} frames of ${video.source}`);
  }

  /** One bar for many pictures, unless log lines on the same terminal already show the progress. */
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
      const take = (result: Result): Promise<void> => this.collected.take(result);
      const context = { flags, output, model, options, saver, follower, take };
      this.video = new VideoRun(context, item.address ?? item.source, [index + 1, this.items.length]);
      await this.video.run();
    } catch (error) {
      if (isFatal(error)) throw error;
      throwIfInterrupted(output.io.signal);
      await this.collected.fail(this.video?.source ?? item.source, errorLine(error));
    }
    throwIfInterrupted(output.io.signal);
    const { video } = this;
    this.video = undefined;
    if (!video || video.report.frames === 0) return;
    this.collected.takeVideo(video.report);
    output.line(video.line());
    // Pictures after a video start a new sequence.
    follower?.restart();
  }

  private async runBatch(items: readonly SourceItem[], start: number): Promise<void> {
    const read: (ReadPicture | undefined)[] = [];
    for (const item of items) read.push(await this.read(item));
    const pictures = read.filter((entry) => entry !== undefined).map(({ picture }) => picture);
    let results: Result[] | undefined;
    try {
      if (pictures.length > 0) results = await this.model.detect(pictures, this.options);
    } catch (error) {
      // The batch does not say which of its pictures failed, so each runs again on its own.
      if (items.length > 1 && !isFatal(error)) {
        for (const [i, item] of items.entries()) await this.runBatch([item], start + i);
        return;
      }
      if (isFatal(error)) throw error;
      await this.collected.fail(items[0].source, errorLine(error));
      return;
    }
    throwIfInterrupted(this.output.io.signal);
    let next = 0;
    for (const [i, item] of items.entries()) {
      const entry = read[i];
      const result = entry && results?.[next++];
      if (result) await this.keep(item.source, entry, result, start + i + 1);
      else if (this.videoAddresses.has(item)) await this.runVideo(item, start + i);
      else await this.collected.fail(item.source, this.errors.get(item) ?? "not read");
    }
  }

  /** Undefined if the source has no readable picture; `errors` then says why. */
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
        maxPixels: this.flags.maxPixels,
      });
    } catch (error) {
      throwIfInterrupted(this.output.io.signal);
      if (error instanceof VideoAddressError) this.videoAddresses.add(item);
      else this.errors.set(item, errorLine(error) + modelAdvice(item.source));
      return undefined;
    } finally {
      progress.stop();
    }
  }

  private async keep(source: string, read: ReadPicture, plain: Result, index: number): Promise<void> {
    const { result, trails } = this.follower?.follow(plain) ?? { result: plain, trails: [] };
    this.output.line(logLine(result, index, this.items.length));
    await this.collected.take(result, await this.save(source, read, result, trails));
  }

  /** @returns why some of its files could not be written. */
  private async save(
    source: string,
    { picture, format }: ReadPicture,
    result: Result,
    trails: readonly Trail[],
  ): Promise<string | undefined> {
    try {
      await this.saver.save(source, picture.image, format, result, trails);
      return undefined;
    } catch (error) {
      throwIfInterrupted(this.output.io.signal);
      if (isFatal(error)) throw error;
      return errorLine(error);
    }
  }

  private async report(): Promise<void> {
    const { collected, follower, items, model, output, saver } = this;
    await collected.report(saver, items.length, this.inputSize(), this.flags.saveTxt ?? false);
    if (follower) output.line(`${follower.runTotal} objects tracked`);
    collected.table();
    // A user who gave pictures but no model may not know what the default model looks for.
    if (this.flags.weights === undefined && this.flags.source !== undefined && collected.empty > 0) {
      output.line(
        `note: without --weights the embedded model runs, which knows only ${model.names.join(", ")}; for other objects choose a model, for example --weights yolov5n`,
      );
    }
  }

  private inputSize(): readonly [number, number] {
    const [h, w] = inputSize(this.model.info, this.flags);
    return this.model.task === "classify" ? [h, h] : [h, w];
  }
}

/** For `--source a.jpg b.pt`: says that the model was taken for a picture. */
function modelAdvice(source: string): string {
  return /\.(?:pt|pth|safetensors|onnx)$/i.test(source)
    ? " (it was taken for a picture; pass models with --weights)"
    : "";
}

function isFatal(error: unknown): boolean {
  return error instanceof InterruptedError || (error instanceof EngineError && FATAL.has(error.code));
}
