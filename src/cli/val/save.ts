/** What a run of val leaves on disk beside plots: label files of the predictions, and COCO's results format. */

import { basename, extname, join } from "node:path";
import { CocoResults, type CocoResultsOptions } from "../../eval/cocoResults.js";
import type { PictureOutcome } from "../../eval/evaluate.js";
import { predictionLines } from "../../eval/predictionText.js";
import { writeAtomically } from "../../node/writeFile.js";
import { safeName } from "../detect/save.js";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** The picture's file name without its ending. */
export function stemOf(path: string): string {
  return basename(path, extname(path));
}

/** Writes `labels/<picture>.txt`; a second picture of the same name in another folder gets a number. */
export class LabelWriter {
  private readonly folder: string;
  private readonly confidences: boolean;
  private readonly taken = new Map<string, number>();
  private written = 0;

  constructor(runFolder: string, confidences: boolean) {
    this.folder = join(runFolder, "labels");
    this.confidences = confidences;
  }

  get count(): number {
    return this.written;
  }

  async add(outcome: PictureOutcome): Promise<void> {
    const lines = predictionLines(outcome, this.confidences);
    if (lines.length === 0) return;
    const stem = stemOf(outcome.sample.name);
    const n = (this.taken.get(stem) ?? 0) + 1;
    this.taken.set(stem, n);
    await writeAtomically(join(this.folder, `${stem}${n === 1 ? "" : `_${n}`}.txt`), bytes(`${lines.join("\n")}\n`));
    this.written++;
  }
}

/** Collects predictions for `<weights>_predictions.json`. */
export class PredictionsWriter {
  readonly path: string;
  private readonly results: CocoResults;

  constructor(runFolder: string, weights: string, options: CocoResultsOptions) {
    this.path = join(runFolder, `${safeName(stemOf(weights), "model")}_predictions.json`);
    this.results = new CocoResults(options);
  }

  add(outcome: PictureOutcome): void {
    const { sample } = outcome;
    const stem = stemOf(sample.name);
    this.results.add(outcome, sample.imageId ?? (/^\d+$/.test(stem) ? Number(stem) : stem));
  }

  async write(): Promise<number> {
    await writeAtomically(this.path, bytes(JSON.stringify(this.results.entries)));
    return this.results.entries.length;
  }
}
