/** A run of `yolov5 detect`: sources → pictures and videos → results → log lines and files. */

import type { LiveServer } from "../../node/live/liveServer.js";
import { inOrder } from "../../yolov5/calls/inOrder.js";
import type { Result } from "../../yolov5/model.js";
import { errorLine, InterruptedError } from "../errors.js";
import type { SaveFolder } from "../files/runFolder.js";
import { LastWork, orInterrupted, throwIfInterrupted } from "../interrupt.js";
import type { CliModel } from "../loadModel.js";
import type { DetectFlags } from "../options/flags.js";
import { inputSize, noteSize } from "../options/sizeNote.js";
import type { Output } from "../output.js";
import type { Bar } from "../progress.js";
import { counted } from "../table.js";
import { openPicturesBar } from "./bars.js";
import { Collected } from "./collected.js";
import { CountFiles } from "./count/countFiles.js";
import { noteEmbedded } from "./ignored.js";
import type { DetectSetup } from "./runOptions.js";
import { Saver } from "./save.js";
import { type Part, partsOf } from "./sources/parts.js";
import type { SourceItem } from "./sources/sources.js";
import { logLine } from "./summary.js";
import { type VideoContext, VideoRun } from "./video.js";
import type { ProcessedBatch } from "./work/detectWorkers.js";
import { isFatal } from "./work/fatal.js";
import { type Finished, finish, jsonOf } from "./work/finish.js";
import { PartDetector } from "./work/partDetector.js";
import type { Processed } from "./work/pictureBatch.js";

export interface DetectTask extends DetectSetup {
  readonly flags: DetectFlags;
  readonly output: Output;
  readonly model: CliModel;
  readonly items: readonly SourceItem[];
  readonly folder: SaveFolder;
  /** Shows the frames of a video as they come. */
  readonly live?: LiveServer | undefined;
  /** Receives the number of sources that are done. */
  readonly onProgress?: ((done: number) => void) | undefined;
}

export interface DetectEnd {
  /** What is written as JSON. */
  readonly results: object;
  /** What ended the run early. */
  readonly stopped: unknown;
  /** Sources that failed, entirely or in part. */
  readonly failed: number;
}

/** Runs all sources. A failure is reported and kept with the results, and the other sources continue. */
export class DetectRun {
  private readonly flags: DetectFlags;
  private readonly output: Output;
  private readonly model: CliModel;
  private readonly items: readonly SourceItem[];
  private readonly folder: SaveFolder;
  private readonly live: LiveServer | undefined;
  private readonly setup: DetectSetup;
  private readonly saver: Saver;
  private readonly collected: Collected;
  private readonly onProgress: DetectTask["onProgress"];
  private readonly countFiles: CountFiles;
  private readonly detector: PartDetector;
  private video: VideoRun | undefined;
  /** Whatever the log names is in the files and the JSON too, even after Ctrl-C. */
  private readonly keeping = new LastWork();
  /** Pictures since the last video; their sequence has not ended. */
  private pictures = 0;

  constructor({ flags, output, model, items, folder, live, onProgress, ...setup }: DetectTask) {
    this.onProgress = onProgress;
    this.flags = flags;
    this.output = output;
    this.model = model;
    this.items = items;
    this.folder = folder;
    this.live = live;
    this.setup = setup;
    this.collected = new Collected(output);
    this.saver = new Saver(
      { ...setup.finishing, folder, font: setup.font, names: model.names, view: live, segmentSeconds: flags.record },
      items.map(({ source }) => source),
    );
    this.countFiles = new CountFiles(setup.sequence, this.saver, !flags.nosave && !flags.redact && !live);
    this.detector = new PartDetector({ flags, output, model, setup, alone: items.length === 1 });
    setup.sequence.begin();
    noteSize(
      model.members.map(({ info }) => info),
      this.inputSize(),
      output,
    );
  }

  /** @throws errors that stop the run before anything is done. */
  async run(): Promise<DetectEnd> {
    const { collected } = this;
    const bar = await openPicturesBar(this.items, this.output);
    let stopped: unknown;
    try {
      await orInterrupted(this.output.io.signal, this.runAll(bar));
    } catch (error) {
      stopped = error instanceof InterruptedError ? await this.interrupted() : error;
      // Nothing has been done yet that could be reported.
      if (collected.done === 0 && !(stopped instanceof InterruptedError)) throw error;
    } finally {
      bar.stop();
    }
    await this.completeFiles();
    await this.report();
    return {
      results: collected.json(this.model, this.saver, this.setup.sequence.runCounts),
      stopped,
      failed: collected.failed,
    };
  }

  /** Writes the files that hold the whole run, also one that was interrupted. */
  private async completeFiles(): Promise<void> {
    try {
      await this.saver.complete();
    } catch (error) {
      this.collected.unwritten(errorLine(error));
    }
  }

  /** Completes the annotated video with the frames so far. @returns how far the run got. */
  private async interrupted(): Promise<InterruptedError> {
    const { collected, items, video } = this;
    await this.keeping.settled();
    if (!video)
      return new InterruptedError(`interrupted after ${collected.done} of ${counted(items.length, "picture")}`);
    try {
      await video.finish();
    } catch (error) {
      await collected.fail(video.source, errorLine(error));
    }
    this.takeVideo(video);
    await this.endSequence(video.source);
    return new InterruptedError(`interrupted after ${counted(video.report.frames, "frame")} of ${video.source}`);
  }

  private async runAll(bar: Bar): Promise<void> {
    const { workers } = this.setup;
    if (!workers) {
      for (const part of partsOf(this.items, this.flags.batchSize))
        await this.deliverAll(part, await this.detector.detect(part), bar);
      return;
    }
    const begin = async (part: Part) => ({ result: this.detector.detect(part).then((batch) => ({ part, batch })) });
    for await (const { part, batch } of inOrder(partsOf(this.items, this.flags.batchSize), begin, {
      most: workers.ahead,
    })) {
      await this.deliverAll(part, batch, bar);
    }
  }

  private async deliverAll({ items, start }: Part, { processed, warnings }: ProcessedBatch, bar: Bar): Promise<void> {
    for (const warning of warnings) this.output.warn(warning);
    for (const [i, entry] of processed.entries()) await this.deliver(items[i], start + i, entry);
    bar.update(start + items.length);
    this.onProgress?.(start + items.length);
  }

  /** Writes and shows one source's part, in the order of the sources. */
  private async deliver(item: SourceItem, index: number, entry: Processed<Result>): Promise<void> {
    const { output } = this;
    const { sequence, finishing, font } = this.setup;
    const { signal } = output.io;
    throwIfInterrupted(signal);
    if (entry.kind === "video") return this.runVideo(item, index);
    if (entry.kind === "failed") return this.collected.fail(item.source, entry.message);
    if (entry.kind === "finished") return this.keep(item.source, entry.finished, index);
    const { result, events, ...extras } = sequence.takePicture(entry.found, entry.image);
    await this.keep(item.source, await finish(result, entry, finishing, { ...extras, font, signal }), index);
    await this.collected.happened(item.source, events);
    this.pictures++;
  }

  private async runVideo(item: SourceItem, index: number): Promise<void> {
    const { flags, output, model, saver, live } = this;
    const { options, sequence, finishing, workers } = this.setup;
    const { hidden } = finishing;
    await this.endPictures();
    try {
      const take: VideoContext["take"] = async (shown, result, events) => {
        await this.collected.take(shown, jsonOf(result, finishing));
        await this.collected.happened(result.source, events);
      };
      const context = { flags, output, model, options, saver, sequence, workers, hidden, live, take };
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
    this.takeVideo(video);
    output.line(video.line());
    // Pictures after a video start a new sequence.
    await this.endSequence(video.source);
  }

  /** The pictures before a video are a sequence of their own. */
  private async endPictures(): Promise<void> {
    if (this.pictures > 0) await this.endSequence(undefined);
    this.pictures = 0;
  }

  private async endSequence(source: string | undefined): Promise<void> {
    try {
      await this.countFiles.end(source);
    } catch (error) {
      await this.collected.fail(source ?? "heat map", errorLine(error));
    }
    this.setup.sequence.restart();
  }

  private takeVideo({ report }: VideoRun): void {
    const { folder, setup, collected } = this;
    const { savedTo, ...facts } = report;
    const { seconds: _, fps: _fps, ...lasting } = facts;
    const path = savedTo === undefined ? {} : { savedTo: folder.finalPath(savedTo) };
    collected.takeVideo({ ...(setup.finishing.speed ? facts : lasting), ...path });
  }

  private keep(source: string, finished: Finished, index: number): Promise<void> {
    return this.keeping.of(this.keepWhole(source, finished, index));
  }

  private async keepWhole(source: string, finished: Finished, index: number): Promise<void> {
    const { shown, entry, problem } = finished;
    this.output.line(logLine(shown, index + 1, this.items.length));
    const unwritten = await this.write(source, finished);
    await this.collected.take(shown, entry, unwritten ?? problem);
  }

  /** @returns why some of its files could not be written. */
  private async write(source: string, finished: Finished): Promise<string | undefined> {
    try {
      await this.saver.write(source, finished);
      return undefined;
    } catch (error) {
      if (isFatal(error)) throw error;
      return errorLine(error);
    }
  }

  private async report(): Promise<void> {
    const { collected, items, model, output, saver } = this;
    const { sequence } = this.setup;
    await this.endPictures();
    await this.countFiles.finish().catch((error: unknown) => collected.fail("counts.csv", errorLine(error)));
    await collected.report(saver, items.length, this.inputSize(), this.flags.saveTxt ?? false);
    if (sequence.runTracks !== undefined) output.line(`${counted(sequence.runTracks, "object")} tracked`);
    for (const line of sequence.countLines()) output.line(line);
    collected.table();
    if (collected.empty > 0) noteEmbedded(this.flags, model.names, output);
  }

  private inputSize(): readonly [number, number] {
    const [h, w] = inputSize(this.model.info, this.flags);
    return this.model.task === "classify" ? [h, h] : [h, w];
  }
}
