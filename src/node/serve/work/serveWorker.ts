/** A thread of the server: decodes, runs the network, draws and encodes. */

import type { TransferListItem } from "node:worker_threads";
import { toWire } from "../../../api/wireError.js";
import { openLabelFont } from "../../pictures/labelFont.js";
import { openSeed } from "../../workers/modelSeed.js";
import { serveJobs } from "../../workers/serveJobs.js";
import { wholeBuffers } from "../../workers/wholeBuffers.js";
import { Engine } from "./engine.js";
import type { SentAnswer, ServeJob, ServeSeed } from "./jobs.js";

serveJobs(async ({ model, maxPixels, maxBatch }: ServeSeed) => {
  const { members, backend } = await openSeed(model, { threads: 1 });
  const font = await openLabelFont(model.names);
  const engine = new Engine(members, backend, { maxPixels, maxBatch, font });
  return async (jobs: readonly ServeJob[]) => {
    const answers = await engine.run(jobs);
    const answer = answers.map((one): SentAnswer => (one instanceof Error ? { error: toWire(one) } : one));
    return { answer, transfer: memoryOf(answer) };
  };
});

/** Buffers that are transferred instead of copied. */
function memoryOf(answers: readonly SentAnswer[]): TransferListItem[] {
  const views = answers.flatMap((answer): (Uint8Array | Float32Array)[] => {
    if ("error" in answer) return [];
    if (answer.kind === "detect") return answer.picture ? [answer.picture] : [];
    return answer.outputs.map(({ data }) => data);
  });
  return wholeBuffers(views);
}
