/** The thread of a model that `load` opened in Node: decodes pictures, runs the network, suppresses. */

import type { TransferListItem } from "node:worker_threads";
import type { TuneOptions } from "../../runtime/backend.js";
import { buffersOf, type HostTensor } from "../../tensor/index.js";
import { decodePicture, type Picture, rawToRgb } from "../../yolov5/input/pictures.js";
import { LocalRunner } from "../../yolov5/localRunner.js";
import { expectPicture } from "../pictures/expectPicture.js";
import { decodeAside } from "../pictures/pictureThread.js";
import type { SentPicture } from "../pictures/sentPicture.js";
import type { ModelAnswer, ModelEvent, ModelJob, ModelThreadData } from "./modelJobs.js";
import { openSeed } from "./modelSeed.js";
import { type Done, type JobContext, serveJobs } from "./serveJobs.js";

const tuning = (context: JobContext): TuneOptions => ({
  signal: context.signal,
  onProgress: (progress) => context.tell({ kind: "progress", progress } satisfies ModelEvent),
  onReport: (report) => context.tell({ kind: "report", report } satisfies ModelEvent),
});

async function open({ seed, options, tune }: ModelThreadData, opening: JobContext) {
  const { members, backend } = await openSeed(seed, {
    ...options,
    tune: tune && { ...tune, ...tuning(opening) },
    onNote: (text) => opening.tell({ kind: "note", text } satisfies ModelEvent),
  });
  const runner = new LocalRunner<Picture>(members, backend, (picture) => Promise.resolve(picture));
  const read = (picture: SentPicture, signal: AbortSignal, maxPixels = options.maxPixels): Promise<Picture> =>
    readSent(picture, maxPixels, signal);

  /** A part of the answer, and the memory to hand over. */
  const answer = async (
    job: ModelJob,
    { signal, tell }: JobContext,
  ): Promise<[answer: Without<ModelAnswer, "device">, transfer?: readonly TransferListItem[]]> => {
    const { pipeline, info } = runner;
    switch (job.type) {
      case "facts":
        return [{ kind: "facts", info, fitsPictures: runner.fitsPictures }];
      case "detect": {
        const [first] = job.pictures;
        if (first && "bytes" in first) await expectPicture(pipeline, members, first.bytes, job.options);
        const pictures: Picture[] = [];
        for (const picture of job.pictures) pictures.push(await read(picture, signal, job.options.maxPixels));
        const onWarning = (text: string): void => {
          const ofPicture = pictures.some(({ warnings = [] }) => warnings.includes(text));
          if (job.first || ofPicture) tell({ kind: "warning", text } satisfies ModelEvent);
        };
        const onSlice = (progress: { done: number; total: number }): void =>
          tell({ kind: "slice", progress } satisfies ModelEvent);
        const resolved = { ...job.options, onWarning, onSlice, signal };
        const outcomes = (await pipeline.outcomes(pictures, resolved)).map((outcome) =>
          outcome.prototypes ? { ...outcome, prototypes: compact(outcome.prototypes) } : outcome,
        );
        return [{ kind: "outcomes", outcomes }, buffersOf(outcomes.flatMap(({ prototypes }) => prototypes ?? []))];
      }
      case "predict": {
        const onWarning = (text: string): void => tell({ kind: "warning", text } satisfies ModelEvent);
        const resolved = { ...job.options, onWarning, onSlice: () => undefined, signal };
        const picture = await read(job.picture, signal, job.options.maxPixels);
        const { outputs, ...facts } = await pipeline.predictionData(picture, resolved);
        const prediction = { ...facts, outputs: outputs.map(compact) };
        return [{ kind: "prediction", prediction }, buffersOf(prediction.outputs)];
      }
      case "call": {
        if (job.method === "tune") {
          const [given] = job.args as readonly [TuneOptions];
          await runner.tune({ ...given, ...tuning({ signal, tell }) });
          return [{ kind: "value", value: undefined }];
        }
        const method = runner[job.method] as (...args: readonly unknown[]) => Promise<unknown>;
        const value = await method.apply(runner, [...job.args]);
        return [{ kind: "value", value }, job.method === "forward" ? buffersOf(value as HostTensor[]) : []];
      }
    }
  };
  return async (job: ModelJob, context: JobContext): Promise<Done<ModelAnswer>> => {
    const [part, transfer] = await answer(job, context);
    return { answer: { ...part, device: runner.device }, transfer };
  };
}

/** Distributes over unions. */
type Without<T, K extends keyof T> = T extends unknown ? Omit<T, K> : never;

async function readSent(picture: SentPicture, maxPixels: number | undefined, signal: AbortSignal): Promise<Picture> {
  if (!("bytes" in picture)) return { image: rawToRgb(picture), frame: picture.frame, time: picture.time };
  const decode: typeof decodeAside = (bytes, decoding) => decodeAside(bytes, { ...decoding, signal });
  return decodePicture(picture.bytes, picture.source, { maxPixels, decode, signal });
}

/** With a buffer of its own: of a view, all that lies around it would be sent too. */
function compact(given: HostTensor): HostTensor {
  const { data } = given;
  return data.byteLength === data.buffer.byteLength ? given : ({ ...given, data: data.slice() } as HostTensor);
}

// Decoding overlaps with a device that computes elsewhere.
serveJobs(open, { overlap: true });
