/** All files that a run of val writes. The run's folder is created with the first picture. */

import { basename, join } from "node:path";
import { shownAddress } from "../../api/address.js";
import { EMBEDDED_MODEL } from "../../api/names.js";
import type { Evaluation, PictureOutcome } from "../../eval/evaluation.js";
import { Attempts } from "../files/attempts.js";
import { checkRunFolder } from "../files/destinations.js";
import type { SaveFolder } from "../files/runFolder.js";
import type { SourceFiles } from "../files/sourceFiles.js";
import type { Output } from "../output.js";
import type { ValFlags } from "./flags.js";
import { Plots } from "./plots.js";
import { LabelWriter, PredictionsWriter } from "./save.js";

interface Writers {
  readonly folder: string;
  readonly labels: LabelWriter | undefined;
  readonly predictions: PredictionsWriter | undefined;
  readonly plots: Plots | undefined;
}

export interface RunFilesOptions {
  readonly folder: SaveFolder;
  /** False for a part, whose figures could be mistaken for those of the whole. */
  readonly plots: boolean;
  readonly names: readonly string[];
  readonly categoryIds: readonly number[] | undefined;
  /** Numbers of a keypoint, for pose models. */
  readonly keypointSize: number | undefined;
}

const writesFiles = ({ saveTxt, saveJson }: ValFlags, plots: boolean): boolean => plots || !!saveTxt || !!saveJson;

/** Checks that the run's folder can be created, if there will be one. @throws InputError. */
export async function checkValFolder(flags: ValFlags, project: string): Promise<void> {
  const { shard, noplots, name, existOk } = flags;
  if (shard || writesFiles(flags, !noplots)) await checkRunFolder(project, name, existOk || shard !== undefined);
}

export class RunFiles {
  private readonly flags: ValFlags;
  private readonly options: RunFilesOptions;
  private readonly attempts: Attempts;
  private writers: Writers | undefined;

  constructor(flags: ValFlags, options: RunFilesOptions, output: Output) {
    this.flags = flags;
    this.options = options;
    this.attempts = new Attempts(output);
  }

  /** Reasons why files could not be written. */
  get errors(): readonly string[] {
    return this.attempts.errors;
  }

  /** The run's folder; undefined if nothing was written. */
  get savedTo(): string | undefined {
    return this.writers && this.options.folder.finalPath(this.writers.folder);
  }

  /** The label file of each picture, if they are listed. */
  get sourceFiles(): readonly SourceFiles[] | undefined {
    return this.options.folder.listsFiles ? (this.writers?.labels?.files ?? []) : undefined;
  }

  async add(outcome: PictureOutcome): Promise<void> {
    if (!writesFiles(this.flags, this.options.plots)) return;
    this.writers ??= await this.open();
    const { labels, predictions, plots } = this.writers;
    if (labels) await this.attempts.of(() => labels.add(outcome));
    predictions?.add(outcome);
    plots?.add(outcome);
  }

  async finish(evaluation: Evaluation, output: Output): Promise<void> {
    if (!this.writers) return;
    const { labels, predictions, plots } = this.writers;
    const folder = this.savedTo ?? "";
    if (plots) {
      const { signal } = output.io;
      const drawing = plots.finish(evaluation, output);
      // After Ctrl-C the plots are skipped; everything else is still written.
      await this.attempts.of(() => drawing.catch((error: unknown) => notInterrupted(signal, error)));
    }
    if (predictions) {
      const [first, ...others] = predictions.repeated;
      if (first !== undefined) {
        output.warn(
          `--save-json: duplicate image_id (the number or name of the file) in ${others.length + 1} of the pictures ` +
            `(${first}), so their predictions cannot be told apart; give the files different names`,
        );
      }
      await this.attempts.of(async () =>
        output.line(`${await predictions.write()} predictions saved to ${join(folder, basename(predictions.path))}`),
      );
    }
    if (labels) output.line(`${labels.count} label files saved to ${join(folder, "labels")}`);
    output.line(`Results saved to ${folder}`);
  }

  private async open(): Promise<Writers> {
    const { flags } = this;
    const { folder: place, plots, ...results } = this.options;
    const folder = await place.open();
    const weights = shownAddress(flags.weights?.[0] ?? EMBEDDED_MODEL);
    return {
      folder,
      labels: flags.saveTxt ? new LabelWriter(folder, flags.saveConf ?? false) : undefined,
      predictions: flags.saveJson ? new PredictionsWriter(folder, weights, results) : undefined,
      plots: plots ? new Plots(folder, results.names, flags.batchSize) : undefined,
    };
  }
}

function notInterrupted(signal: AbortSignal, error: unknown): void {
  if (!signal.aborted) throw error;
}
