/** What val saves besides plots: label files of the predictions, and COCO's results format. */

import { basename, join } from "node:path";
import { CocoResults, type CocoResultsOptions } from "../../eval/coco/cocoResults.js";
import type { PictureOutcome } from "../../eval/evaluation.js";
import { predictionLines } from "../../eval/predictionText.js";
import { writeAtomically } from "../../node/files/writeFile.js";
import { printableJson } from "../../printable.js";
import { safeName, splitName } from "../files/fileNames.js";
import { RunPaths } from "../files/runPaths.js";
import { type SourceFiles, SourceFilesLog } from "../files/sourceFiles.js";

/** The picture's file name without its extension. */
function stemOf(path: string): string {
  return splitName(basename(path)).stem;
}

/** Writes `labels/<picture>.txt`; a second picture with the same name gets a number. */
export class LabelWriter {
  private readonly runFolder: string;
  private readonly folder: string;
  private readonly confidences: boolean;
  private readonly paths = new RunPaths();
  private readonly log = new SourceFilesLog();
  private written = 0;

  constructor(runFolder: string, confidences: boolean) {
    this.runFolder = runFolder;
    this.folder = join(runFolder, "labels");
    this.confidences = confidences;
  }

  get count(): number {
    return this.written;
  }

  get files(): readonly SourceFiles[] {
    return this.log.entries;
  }

  async add(outcome: PictureOutcome): Promise<void> {
    const lines = predictionLines(outcome, this.confidences);
    if (lines.length === 0) return;
    const name = stemOf(outcome.sample.name) || "picture";
    const places = [{ folder: this.folder, ending: ".txt" }];
    const stem = this.paths.claim(name, places);
    const path = join(this.folder, `${stem}.txt`);
    const wrote = this.log.begin(this.runFolder, name, stem, places);
    await writeAtomically(path, `${lines.join("\n")}\n`);
    wrote(path);
    this.written++;
  }
}

/** Collects predictions for `<weights>_predictions.json`. */
export class PredictionsWriter {
  readonly path: string;
  /** Pictures whose number or name was already taken by another picture. */
  readonly repeated: string[] = [];
  private readonly results: CocoResults;
  private readonly ids = new Set<number | string>();

  constructor(runFolder: string, weights: string, options: CocoResultsOptions) {
    this.path = new RunPaths().claimFile(runFolder, safeName(stemOf(weights), "model"), "_predictions.json");
    this.results = new CocoResults(options);
  }

  add(outcome: PictureOutcome): void {
    const { sample } = outcome;
    const stem = stemOf(sample.name);
    const id = sample.imageId ?? (/^\d+$/.test(stem) ? Number(stem) : stem);
    if (this.ids.has(id)) this.repeated.push(sample.name);
    this.ids.add(id);
    this.results.add(outcome, id);
  }

  async write(): Promise<number> {
    await writeAtomically(this.path, printableJson(this.results.entries));
    return this.results.entries.length;
  }
}
