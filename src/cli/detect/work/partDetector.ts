/** Processes a part of a run before its turn to be written: on this thread, or in workers. */

import type { Result } from "../../../yolov5/model.js";
import type { DetectOptions } from "../../../yolov5/options.js";
import type { CliModel } from "../../loadModel.js";
import type { DetectFlags } from "../../options/flags.js";
import type { Output } from "../../output.js";
import { DownloadProgress } from "../../progress.js";
import { SliceBar } from "../bars.js";
import type { DetectSetup } from "../runOptions.js";
import type { Part } from "../sources/parts.js";
import type { ProcessedBatch } from "./detectWorkers.js";
import { processBatch } from "./pictureBatch.js";

export interface PartContext {
  readonly flags: DetectFlags;
  readonly output: Output;
  readonly model: CliModel;
  readonly setup: DetectSetup;
  /** Whether the run has a single source. */
  readonly alone: boolean;
}

export class PartDetector {
  private readonly context: PartContext;
  private readonly options: DetectOptions;
  private readonly sliceBar: SliceBar;

  constructor(context: PartContext) {
    const { output, setup, alone } = context;
    this.context = context;
    this.sliceBar = new SliceBar(output);
    // With a bar over the windows of a single picture; for many pictures and for videos, another bar is more useful.
    this.options = alone ? { ...setup.options, onSlice: this.sliceBar.onSlice } : setup.options;
  }

  async detect({ items }: Part): Promise<ProcessedBatch> {
    const { flags, output, model, setup } = this.context;
    const { workers, sequence, finishing, font } = setup;
    if (items[0].video) return { processed: [{ kind: "video" }], warnings: [] };
    if (workers) return workers.pictures(items);
    const progress = new DownloadProgress(output, false);
    try {
      const processed = await processBatch<Result>(items, {
        signal: output.io.signal,
        maxPixels: flags.maxPixels,
        onProgress: progress.onProgress,
        expect: (bytes) => setup.expect(bytes, this.options),
        detect: (pictures) => model.detect(pictures, this.options),
        resultOf: (result) => result,
        finish: sequence.ordered ? undefined : { ...finishing, font },
      });
      return { processed, warnings: [] };
    } finally {
      progress.stop();
      this.sliceBar.stop();
    }
  }
}
