/** A thread that measures pictures: reads and decodes them, runs the network, matches boxes with labels. */

import type { TransferListItem } from "node:worker_threads";
import { toWire, type WireError } from "../../api/wireError.js";
import type { GroundTruth, Sample } from "../../eval/dataset/types.js";
import {
  type MeasuredBatch,
  type MeasuredPicture,
  type MeasureOptions,
  PictureMeasurer,
} from "../../eval/measurePictures.js";
import { loadSample } from "../../node/datasets/yolo.js";
import { type ModelSeed, openSeed } from "../../node/workers/modelSeed.js";
import { serveJobs } from "../../node/workers/serveJobs.js";
import { Ensemble } from "../../yolov5/ensemble.js";
import type { Size } from "../../yolov5/output/boxes.js";

export interface ValSeed {
  readonly model: ModelSeed;
  readonly maxPixels: number | undefined;
}

export interface ValJob {
  readonly options: MeasureOptions;
  readonly batch: readonly {
    readonly path: string;
    readonly width: number;
    readonly height: number;
    readonly truth: GroundTruth;
    readonly size: Size;
  }[];
}

export interface ValAnswer {
  readonly pictures: readonly (MeasuredPicture | { readonly error: WireError })[];
  readonly ms: MeasuredBatch["ms"];
  readonly warnings: readonly string[];
}

serveJobs(async ({ model, maxPixels }: ValSeed) => {
  const { members } = await openSeed(model, { threads: 1 });
  const ensemble = new Ensemble(members);
  return async ({ batch, options }: ValJob) => {
    const warnings: string[] = [];
    const onWarning = (text: string): void => void warnings.push(text);
    const planned = batch.map(({ path, width, height, truth, size }) => {
      const load: Sample["load"] = () => loadSample(path, { maxPixels, onWarning });
      return { sample: { name: path, width, height, truth, load }, size };
    });
    const { pictures, ms } = await new PictureMeasurer(ensemble, options).measure(planned);
    const answer: ValAnswer = {
      pictures: pictures.map((picture) => (picture instanceof Error ? { error: toWire(picture) } : picture)),
      ms,
      warnings,
    };
    return { answer, transfer: memoryOf(pictures) };
  };
});

/** Pixels and prototypes, each whole; those of one batch may share a buffer. */
function memoryOf(pictures: MeasuredBatch["pictures"]): TransferListItem[] {
  const views = pictures.flatMap((picture) =>
    picture instanceof Error ? [] : [picture.image.data, ...(picture.prototypes ? [picture.prototypes.data] : [])],
  );
  const whole = views.filter(({ buffer, byteLength }) => buffer.byteLength === byteLength);
  return [...new Set(whole.map(({ buffer }) => buffer))].filter((buffer) => buffer instanceof ArrayBuffer);
}
