/** The thread that decodes or encodes one large picture. */

import { parentPort } from "node:worker_threads";
import { ImageError } from "../../errors.js";
import { decodeImage } from "../../image/index.js";
import type { PictureAnswer, PictureJob } from "./pictureThread.js";
import { encodePicture } from "./savePicture.js";

async function answerTo(job: PictureJob): Promise<PictureAnswer> {
  if ("image" in job) return { bytes: encodePicture(job.image, job.format) };
  const notes: string[] = [];
  const { bytes, path, maxPixels } = job;
  const image = await decodeImage(bytes, { path, maxPixels, onNote: (note) => notes.push(note) });
  return { image, notes };
}

function failure(error: unknown): PictureAnswer {
  if (error instanceof ImageError) return { refused: error.message, details: { ...error.details } };
  return { failed: error instanceof Error ? error.message : String(error) };
}

/** Buffers that can be transferred instead of copied. */
function memoryOf(answer: PictureAnswer): ArrayBuffer[] {
  const data = "image" in answer ? answer.image.data : "bytes" in answer ? answer.bytes : undefined;
  return data?.buffer instanceof ArrayBuffer ? [data.buffer] : [];
}

parentPort?.once("message", async (job: PictureJob) => {
  const answer = await answerTo(job).catch(failure);
  parentPort?.postMessage(answer, memoryOf(answer));
});
