/** The results and failures of a detect run: the JSON, the NDJSON lines, and the closing summary. */

import { join } from "node:path";
import { errorLine } from "../errors.js";
import { type CliModel, modelJson } from "../loadModel.js";
import type { Output } from "../output.js";
import type { Counts } from "./count/counts.js";
import type { SceneEvent } from "./count/scene.js";
import type { Saver } from "./save.js";
import { type Shown, SpeedMeter, Summary } from "./summary.js";
import type { VideoReport } from "./video.js";

export class Collected {
  private readonly output: Output;
  private readonly speed = new SpeedMeter();
  private readonly summary = new Summary();
  private readonly images: unknown[] = [];
  private readonly videos: Partial<VideoReport>[] = [];
  private count = 0;
  private without = 0;
  private failures = 0;
  private linesBroken = false;

  constructor(output: Output) {
    this.output = output;
  }

  /** Pictures and frames with a result. */
  get done(): number {
    return this.count;
  }

  /** Pictures and frames without any detection. */
  get empty(): number {
    return this.without;
  }

  /** The number of failures: sources, and lines of NDJSON. */
  get failed(): number {
    return this.failures + (this.linesBroken ? 1 : 0);
  }

  /**
   * Counts a result and keeps what the table and the JSON need.
   * @param entry its entry in the JSON; undefined if no JSON is requested.
   * @param error why some of its files could not be written.
   */
  async take(result: Shown, entry: object | undefined, error?: string): Promise<void> {
    const { output } = this;
    this.count++;
    if (result.task !== "classify" && result.detections.length === 0) this.without++;
    this.speed.add(result);
    if (!output.quiet) this.summary.add(result);
    if (error !== undefined) {
      this.failures++;
      output.fail(error);
    }
    if (!entry) return;
    const whole = { ...entry, ...(error === undefined ? {} : { error }) };
    if (output.wantsJson) this.images.push(whole);
    await this.writeLine(whole);
  }

  /** Writes the events of a frame as separate lines after the frame's. */
  async happened(source: string | undefined, events: readonly SceneEvent[]): Promise<void> {
    for (const event of events) await this.writeLine({ source, ...event });
  }

  takeVideo(report: Partial<VideoReport>): void {
    this.videos.push(report);
  }

  /** Records a file of the whole run that could not be written. */
  unwritten(message: string): void {
    this.failures++;
    this.output.fail(message);
  }

  /** Records a source that failed, entirely or in part. */
  async fail(source: string, message: string): Promise<void> {
    this.failures++;
    this.output.fail(message);
    const entry = { source, error: message };
    this.images.push(entry);
    await this.writeLine(entry);
  }

  /** @param counts of the whole run. */
  json(model: CliModel, { savedTo, sourceFiles }: Saver, counts: Counts | undefined) {
    const { images, videos } = this;
    return {
      model: modelJson(model),
      backend: model.device,
      images,
      ...(videos.length === 0 ? {} : { videos }),
      ...(savedTo === undefined ? {} : { savedTo }),
      ...(sourceFiles === undefined ? {} : { files: sourceFiles }),
      ...(counts === undefined ? {} : { counts }),
    };
  }

  /** Prints speed, the results' folder, and what failed. */
  async report(saver: Saver, sources: number, imgsz: readonly [number, number], labels: boolean): Promise<void> {
    const { output, failures } = this;
    if (this.count > 0) output.line(this.speed.line(imgsz));
    if (saver.savedTo !== undefined) {
      output.line(`Results saved to ${saver.savedTo}`);
      if (labels) output.line(`${await saver.labelCount()} labels saved to ${join(saver.savedTo, "labels")}`);
    }
    if (failures > 0 && sources > 1) output.line(`${failures} of ${sources} sources failed`);
  }

  /** Prints the table of detections. */
  table(): void {
    this.output.lines(() => {
      const lines = this.summary.lines();
      return lines.length > 0 ? ["", ...lines] : [];
    });
  }

  /** A failure to write NDJSON is reported once; the run continues with the other outputs. */
  private async writeLine(value: unknown): Promise<void> {
    if (!this.output.wantsNdjson || this.linesBroken) return;
    try {
      await this.output.writeNdjson(value);
    } catch (error) {
      this.linesBroken = true;
      this.output.fail(errorLine(error));
    }
  }
}
