/** `yolov5 bench`: every model on every backend, interleaved. */

import { availableParallelism } from "node:os";
import type { DeviceCounters } from "../../runtime/backend.js";
import { readPicture } from "../detect/sources/readPicture.js";
import { EXIT, UsageError } from "../errors.js";
import { orInterrupted, throwIfInterrupted } from "../interrupt.js";
import type { BenchFlags } from "../options/flags.js";
import { heightWidth } from "../options/values.js";
import { readModelConfig } from "../options/yamlFile.js";
import type { Output } from "../output.js";
import { openBar } from "../progress.js";
import type { BenchEngine, OwnEngine } from "./engine.js";
import { frameWork } from "./frameWork.js";
import { hostOf } from "./host.js";
import { type LayerProfile, profileLayers } from "./layers.js";
import { type BenchRow, type MeasureOptions, measure, rowOf } from "./measure.js";
import { openOwnEngine } from "./ownEngine.js";
import { addPeers } from "./peers/addPeers.js";
import { ratioLines, ratiosOf } from "./peers/ratios.js";
import { benchTable, detailLines, profileLines } from "./report.js";

/** Long enough for a CPU engine's spinning threads to go to sleep. */
const PAUSE_MS = 20;

export async function runBench(flags: BenchFlags, output: Output): Promise<number> {
  if (flags.pipeline !== undefined) {
    const { runPipelineBench } = await import("./pipeline/run.js");
    return runPipelineBench(flags, flags.pipeline, output);
  }
  if (flags.detectPy !== undefined) throw new UsageError("--detect-py only works with --pipeline FOLDER");
  const engines: BenchEngine[] = [];
  try {
    return await orInterrupted(output.io.signal, measureAll(flags, output, engines));
  } finally {
    for (const engine of engines) engine.dispose();
  }
}

async function measureAll(flags: BenchFlags, output: Output, engines: BenchEngine[]): Promise<number> {
  const { signal } = output.io;
  const config = await readModelConfig(flags.cfg);
  const picture =
    flags.source === undefined
      ? undefined
      : (await readPicture(flags.source, { signal, maxPixels: flags.maxPixels })).picture.image;
  const threads = flags.threads ?? availableParallelism();
  const own: OwnEngine[] = [];
  for (const weights of flags.weights ?? ["random:yolov5n"]) {
    for (const backend of flags.backend ?? ["auto"]) {
      const { batchSize: batch, half = false, tune = false } = flags;
      const imgsz = heightWidth(flags.imgsz);
      const engine = await openOwnEngine(
        { weights, backend, config, half, tune, imgsz, batch, picture, threads },
        output,
      );
      engines.push(engine);
      own.push(engine);
    }
  }
  const wanted = flags.peers === true ? [] : flags.peers;
  const refused = wanted ? await addPeers(own, engines, { wanted, threads }, output) : [];
  const adapters = engines.flatMap(({ adapter }) => adapter ?? []);
  const device = hostOf([...new Set(adapters)].join(", "));
  output.line(`Device: ${device.adapter}; ${device.cpu}, ${device.cores} cores; Node ${device.node}`);
  const { iterations = 30, seconds = 60 } = flags;
  const bar = await openBar(output, iterations, "measuring {bar} {value}/{total} rounds");
  const pauseMs = engines.length > own.length ? PAUSE_MS : 0;
  const rows = await measureRows(engines, {
    ...flags,
    iterations,
    seconds,
    signal,
    pauseMs,
    onRound: (round) => bar.update(round),
  }).finally(() => bar.stop());
  output.lines(() => benchTable(rows));
  output.lines(() => detailLines(rows));
  const ratios = ratiosOf(rows);
  output.lines(() => ratioLines(ratios));
  const layers = flags.layers ? await profileAll(engines, output) : undefined;
  await output.writeJson({ device, rows, ratios, refused, ...(layers ? { layers } : {}) });
  return refused.some(({ wrong }) => wrong) ? EXIT.failed : EXIT.done;
}

/** Times all engines and counts the work that the timed runs submit to GPUs. */
async function measureRows(engines: readonly BenchEngine[], options: MeasureOptions): Promise<BenchRow[]> {
  const count = (): (DeviceCounters | undefined)[] => engines.map((engine) => engine.counters?.());
  let before = count();
  const onWarm = (): void => {
    before = count();
  };
  const times = await measure(engines, { ...options, onWarm });
  const after = count();
  const rows: BenchRow[] = [];
  for (const [i, engine] of engines.entries()) {
    const [from, to] = [before[i], after[i]];
    rows.push(await rowOf(engine, times[i], from && to && frameWork(from, to, times[i].length)));
  }
  return rows;
}

async function profileAll(engines: readonly BenchEngine[], output: Output): Promise<LayerProfile[]> {
  const profiles: LayerProfile[] = [];
  for (const engine of engines) {
    throwIfInterrupted(output.io.signal);
    const profile = await profileLayers(engine);
    if (!profile) continue;
    output.line();
    output.lines(() => profileLines(profile));
    profiles.push(profile);
  }
  return profiles;
}
