/** A thread that does all the work for a picture: reads and decodes it, runs the network, draws and encodes. */

import type { TransferListItem } from "node:worker_threads";
import { expectPicture } from "../../../node/pictures/expectPicture.js";
import { openLabelFont } from "../../../node/pictures/labelFont.js";
import { openSeed } from "../../../node/workers/modelSeed.js";
import { type Done, serveJobs } from "../../../node/workers/serveJobs.js";
import { Ensemble } from "../../../yolov5/ensemble.js";
import type { Picture } from "../../../yolov5/input/pictures.js";
import { resolveOptions } from "../../../yolov5/options.js";
import { type Outcome, resultOf } from "../../../yolov5/output/outcome.js";
import { Pipeline } from "../../../yolov5/pipeline.js";
import type { DetectAnswer, DetectJob, DetectSeed } from "./jobs.js";
import { type BatchContext, processBatch } from "./pictureBatch.js";

serveJobs(async ({ model, options, maxPixels, finish, font: file }: DetectSeed) => {
  const { members, backend } = await openSeed(model, { threads: 1 });
  const ensemble = new Ensemble(members);
  const pipeline = new Pipeline(ensemble, backend);
  let warnings: string[] = [];
  const resolved = resolveOptions({ ...options, onWarning: (text) => warnings.push(text) }, ensemble.info);
  const { names } = model;
  // The thread that started this one has already warned about missing letters.
  const font = finish?.pictures ? await openLabelFont(names, { file }) : undefined;
  const detect = (pictures: readonly Picture[]): Promise<Outcome[]> => pipeline.outcomes(pictures, resolved);
  const context: BatchContext<Outcome> = {
    // A thread is interrupted by ending it.
    signal: new AbortController().signal,
    maxPixels,
    expect: (bytes) => expectPicture(pipeline, members, bytes, resolved),
    detect,
    resultOf: (outcome) => resultOf(outcome, names),
    finish: finish && { ...finish, font },
  };
  return async (job: DetectJob): Promise<Done<DetectAnswer>> => {
    warnings = [];
    if (job.kind === "pictures") {
      const processed = await processBatch(job.items, context);
      const answer: DetectAnswer = { kind: "pictures", processed, warnings };
      return { answer, transfer: memoryOf(answer) };
    }
    const { source, frames } = job;
    const outcomes = await detect(
      frames.map(({ data, width, height, frame, time }) => ({ image: { data, width, height }, source, frame, time })),
    );
    const answer: DetectAnswer = { kind: "frames", outcomes, frames, warnings };
    return { answer, transfer: memoryOf(answer) };
  };
});

/** Pixels, files and prototypes: each large buffer once. */
function memoryOf(answer: DetectAnswer): TransferListItem[] {
  const bytes: (Uint8Array | undefined)[] = [];
  const outcomes: Outcome[] = [];
  if (answer.kind === "frames") {
    outcomes.push(...answer.outcomes);
    for (const { data } of answer.frames) bytes.push(data);
  } else {
    for (const entry of answer.processed) {
      if (entry.kind === "finished") bytes.push(entry.finished.picture);
      else if (entry.kind === "found") {
        outcomes.push(entry.found);
        bytes.push(entry.image.data);
      }
    }
  }
  const views = [...bytes, ...outcomes.map(({ prototypes }) => prototypes?.data)];
  const buffers = views.flatMap((view) => (view && fillsItsBuffer(view) ? [view.buffer as ArrayBuffer] : []));
  return [...new Set(buffers)];
}

/** Buffers of which only a part is sent are copied; Node's small ones are shared and must stay. */
function fillsItsBuffer(view: ArrayBufferView): boolean {
  return view.buffer instanceof ArrayBuffer && view.buffer.byteLength === view.byteLength;
}
