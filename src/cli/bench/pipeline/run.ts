/** `yolov5 bench --pipeline`: whole jobs, from the start of the process to its end, in turn. */

import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EXIT, UsageError } from "../../errors.js";
import type { BenchFlags } from "../../options/flags.js";
import { heightWidth } from "../../options/values.js";
import type { Output } from "../../output.js";
import { openBar } from "../../progress.js";
import { hostOf } from "../host.js";
import { INSTALL_PEERS, missingIn, peersFolder } from "../peers/catalogue.js";
import { cliScript, detectPyJob, type Job, type JobOptions, type Outcome, onnxruntimeJob, ownJob } from "./jobs.js";
import { nodeCommand, runProcess, type Usage } from "./process.js";
import { jobName, pipelineRatioLines, pipelineRatios, pipelineRow, pipelineTable } from "./report.js";

/** The number of boxes of another engine may differ by this fraction, because it resizes pictures in another way. */
const LEAST_AGREEMENT = 0.9;

const PEER = "onnxruntime-node/cpu";

interface Measured {
  readonly job: Job;
  readonly outcome: Outcome;
  readonly usages: Usage[];
}

export async function runPipelineBench(flags: BenchFlags, pictures: string, output: Output): Promise<number> {
  if (flags.layers || flags.source !== undefined) {
    throw new UsageError("--layers and --source measure the network alone; leave them out with --pipeline");
  }
  if (Array.isArray(flags.peers) && flags.peers.some((name) => name !== PEER)) {
    throw new UsageError(`--pipeline measures ${PEER} with sharp; leave the other --peers out`);
  }
  const scratch = await mkdtemp(join(tmpdir(), "yolov5-pipeline-"));
  try {
    return await measureJobs(flags, pictures, scratch, output);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function measureJobs(flags: BenchFlags, pictures: string, scratch: string, output: Output): Promise<number> {
  const { signal } = output.io;
  const { iterations = 5, seconds = 600 } = flags;
  const jobs = await jobsOf(flags, pictures, scratch, output);
  const device = hostOf();
  const { cpu, cores, node } = device;
  output.line(`Device: ${cpu}, ${cores} cores; Node ${node}`);
  let count = 0;
  /** Each run writes into its own folder, which is deleted afterwards. */
  const run = async <T>(use: (folder: string) => Promise<T>): Promise<T> => {
    const folder = join(scratch, `run${count++}`);
    await mkdir(folder);
    return use(folder).finally(() => rm(folder, { recursive: true, force: true }));
  };

  const measured: Measured[] = [];
  const failed: { readonly engine: string; readonly job: string; readonly reason: string }[] = [];
  const bar = await openBar(output, jobs.length * (iterations + 1), "measuring {bar} {value}/{total} runs");
  let done = 0;
  try {
    for (const job of jobs) {
      try {
        const outcome = await run(async (folder) => {
          await runProcess(job.check(folder), join(folder, "usage.json"), signal);
          return job.outcome(folder);
        });
        const own = measured.find((other) => other.job.engine === "yolov5-ts" && other.job.model === job.model);
        const problem = disagreement(outcome, own?.outcome);
        if (problem) throw new Error(problem);
        measured.push({ job, outcome, usages: [] });
      } catch (error) {
        if (signal.aborted) throw error;
        const reason = error instanceof Error ? error.message : String(error);
        output.fail(`${job.engine} is not timed (${jobName(job)}): ${reason}`);
        failed.push({ engine: job.engine, job: jobName(job), reason });
      }
      bar.update(++done);
    }
    const deadline = performance.now() + seconds * 1000;
    for (let round = 0; round < iterations; round++) {
      if (round > 0 && performance.now() > deadline) break;
      for (const { job, usages } of measured) {
        usages.push(await run((folder) => runProcess(job.command(folder), join(folder, "usage.json"), signal)));
        bar.update(++done);
      }
    }
  } finally {
    bar.stop();
  }
  const rows = measured.map(({ job, outcome, usages }) => pipelineRow(job, outcome, usages, cores));
  const ratios = pipelineRatios(rows);
  if (rows.length > 0) output.lines(() => pipelineTable(rows));
  output.lines(() => pipelineRatioLines(ratios));
  await output.writeJson({ device, pipeline: { source: pictures }, rows, ratios, failed });
  return failed.length > 0 ? EXIT.failed : EXIT.done;
}

/** Why an engine does not do the same job as ours. */
function disagreement({ pictures, boxes }: Outcome, own: Outcome | undefined): string | undefined {
  if (pictures === 0) return "it found no pictures";
  if (!own) return undefined;
  if (pictures !== own.pictures) return `it processed ${pictures} pictures where ours are ${own.pictures}`;
  const [fewer, more] = [Math.min(boxes, own.boxes), Math.max(boxes, own.boxes)];
  return fewer < LEAST_AGREEMENT * more ? `it found ${boxes} boxes where ours are ${own.boxes}` : undefined;
}

/** Without and with annotated pictures: every model on every backend, then the peers. */
async function jobsOf(flags: BenchFlags, pictures: string, scratch: string, output: Output): Promise<Job[]> {
  const { weights = ["yolov5n"], backend = ["auto"], threads } = flags;
  const options: JobOptions = { pictures, threads, imgsz: heightWidth(flags.imgsz), own: ownOptions(flags) };
  const peers = await onnxModels(flags, weights, scratch, output);
  const jobs: Job[] = [];
  for (const saves of [false, true]) {
    for (const model of weights) {
      for (const name of backend) {
        jobs.push(ownJob(model, name, saves, false, options));
        if (peers.size > 0) jobs.push(ownJob(model, name, saves, true, options));
      }
      const peer = peers.get(model);
      if (peer) jobs.push(onnxruntimeJob(peer.folder, peer.onnx, model, saves, options));
      if (flags.detectPy !== undefined) jobs.push(detectPyJob(flags.detectPy, model, saves, options));
    }
  }
  return jobs;
}

/** Options of `bench` that `detect` has too. */
function ownOptions({ batchSize, half, tune, maxPixels, cfg }: BenchFlags): string[] {
  return [
    ...["--batch-size", String(batchSize)],
    ...(half ? ["--half"] : []),
    ...(tune ? ["--tune"] : []),
    ...(maxPixels === undefined ? [] : ["--max-pixels", String(maxPixels)]),
    ...(cfg === undefined ? [] : ["--cfg", cfg]),
  ];
}

/** The models as ONNX files, for `--peers`. */
async function onnxModels(
  { peers, imgsz }: BenchFlags,
  models: readonly string[],
  scratch: string,
  output: Output,
): Promise<Map<string, { readonly folder: string; readonly onnx: string }>> {
  const files = new Map<string, { readonly folder: string; readonly onnx: string }>();
  if (peers === undefined) return files;
  const folder = peersFolder();
  if (!folder) throw new UsageError("peers can only be measured from a checkout of the repository");
  const missing = missingIn(folder, ["onnxruntime-node", "sharp"]);
  if (missing.length > 0) {
    output.warn(`${missing.join(", ")} is not installed in bench/peers; run "${INSTALL_PEERS}" first`);
    return files;
  }
  for (const [i, model] of models.entries()) {
    const onnx = join(scratch, `model${i}.onnx`);
    const size = imgsz ? ["--imgsz", ...imgsz.map(String)] : [];
    const args = ["export", "--weights", model, "--include", "onnx", "--output", onnx, "--quiet", ...size];
    await runProcess(nodeCommand(cliScript(), args), join(scratch, "usage.json"), output.io.signal);
    files.set(model, { folder, onnx });
  }
  return files;
}
