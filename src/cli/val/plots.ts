/** The plots of a run: curves and confusion matrix as SVG, mosaics of the first batches as JPEG. */

import { basename, join } from "node:path";
import { Breather } from "../../breathe.js";
import type { Evaluation, PictureOutcome } from "../../eval/evaluation.js";
import type { Metrics } from "../../eval/metrics/metrics.js";
import { confusionSpec } from "../../eval/plots/confusion.js";
import { type CurveKind, curveSpec } from "../../eval/plots/curves.js";
import { composeMosaic, MOSAIC_PICTURES, type MosaicTiles, mosaicTiles } from "../../eval/plots/mosaic.js";
import { renderSvg } from "../../eval/plots/render.js";
import { encodeJpeg } from "../../image/index.js";
import { writeAtomically } from "../../node/files/writeFile.js";
import type { Output } from "../output.js";

/** Number of batches with mosaics; val.py draws three. */
const MOSAICS = 3;
const CURVES: readonly CurveKind[] = ["PR", "F1", "P", "R"];

interface Tile {
  readonly name: string;
  readonly tiles: MosaicTiles;
}

export class Plots {
  private readonly folder: string;
  private readonly names: readonly string[];
  private readonly batchSize: number;
  private readonly batches: Tile[][] = [];

  constructor(folder: string, names: readonly string[], batchSize: number) {
    this.folder = folder;
    this.names = names;
    this.batchSize = batchSize;
  }

  /** Keeps the tiles of a picture that appears in a mosaic. */
  add(outcome: PictureOutcome): void {
    const index = outcome.done - 1;
    const batch = Math.floor(index / this.batchSize);
    if (batch >= MOSAICS || index % this.batchSize >= MOSAIC_PICTURES) return;
    this.batches[batch] ??= [];
    this.batches[batch].push({ name: basename(outcome.sample.name), tiles: mosaicTiles(outcome, this.names) });
  }

  /** @throws the signal's reason: drawing stops once the run is interrupted. */
  async finish(evaluation: Evaluation, output: Output): Promise<void> {
    const breather = new Breather(output.io.signal);
    for (const [batch, tiles] of this.batches.entries()) {
      if (!tiles) continue;
      for (const [kind, key] of [
        ["labels", "labels"],
        ["pred", "predictions"],
      ] as const) {
        await breather.rest();
        const image = composeMosaic(tiles.map((tile) => ({ name: tile.name, image: tile.tiles[key] })));
        await writeAtomically(join(this.folder, `val_batch${batch}_${kind}.jpg`), encodeJpeg(image));
      }
    }
    try {
      await this.curves(evaluation, breather);
    } catch (error) {
      output.io.signal.throwIfAborted();
      // The figures do not depend on the plots.
      output.warn(`cannot draw curves and confusion matrix: ${(error as Error).message}`);
    }
  }

  private async curves(evaluation: Evaluation, breather: Breather): Promise<void> {
    const { metrics, maskMetrics, keypointMetrics, confusion } = evaluation;
    const seconds: [prefix: string, what: string, metrics: Metrics | undefined][] = [
      ["Mask", "Masks: ", maskMetrics],
      ["Pose", "Keypoints: ", keypointMetrics],
    ];
    const further = seconds.filter((set): set is [string, string, Metrics] => set[2] !== undefined);
    const sets: [prefix: string, what: string, metrics: Metrics][] =
      further.length > 0 ? [["Box", "Boxes: ", metrics], ...further] : [["", "", metrics]];
    for (const [prefix, what, own] of sets) {
      for (const kind of CURVES) {
        await breather.rest();
        await this.write(`${prefix}${kind}_curve.svg`, await renderSvg(curveSpec(kind, own, this.names, what)));
      }
    }
    await breather.rest();
    await this.write("confusion_matrix.svg", await renderSvg(confusionSpec(confusion, this.names)));
  }

  private write(name: string, text: string): Promise<void> {
    return writeAtomically(join(this.folder, name), text);
  }
}
