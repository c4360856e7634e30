/**
 * Measures, for every convolution of a graph that the table does not know yet, the kernels that can do it, on the
 * device and within the whole network, and records the fastest. A kernel with wrong results is rejected, however fast
 * it is: the network's outputs must stay what they were, and before it wins, its own output must equal the naive
 * kernel's in every element.
 */

import { LimitError, PrecisionError, ShaderCompileError, UnsupportedError } from "../../../errors.js";
import type { ConvKernel, ConvProblem } from "../../../kernels/wgsl/index.js";
import type { Graph } from "../../../ops/index.js";
import { compare, elementCount, type HostTensor, seededRandom, tensor } from "../../../tensor/index.js";
import type { TuneOptions } from "../../backend.js";
import { type KernelOf, runnable } from "../choose/convKernels.js";
import { problemKey, type TuningTable, USUAL } from "../choose/tuningTable.js";
import { DevicePlan, type Services } from "../device/bindings.js";
import type { DeviceContext } from "../device/deviceContext.js";
import type { ConvChoice } from "../lower/lowerConv.js";
import { lowerGraph } from "../lower/lowerGraph.js";
import { Compiled } from "../run/compiled.js";
import { WebGpuExecutable } from "../run/executable.js";
import { agreesWithPlain } from "./convCheck.js";

export interface TunerSetting {
  readonly graph: Graph;
  readonly half: boolean;
  readonly services: Services;
  /** Existing and new measurements. */
  readonly table: TuningTable;
  /** The default choice, without tuning. */
  readonly usual: KernelOf;
  /** Candidates by name. Default: all that the device can run. */
  readonly candidates?: ReadonlyMap<string, ConvKernel>;
}

/** Timed runs per candidate; the median counts. */
const REPEATS = 5;
/** One run is enough for a kernel that takes so many times as long as the usual ones. */
const HOPELESS = 1.5;
/** A winner must take less than this share of the usual kernel's time, or noise would choose. */
const MARGIN = 0.97;
/** Largest deviation of the network's outputs (NMSE): far above rounding. */
const LIMIT = { float32: 1e-8, float16: 1e-3 };
/** Default time limit in seconds. */
const SECONDS = 120;

/** On an adapter that is emulated on the CPU, kernels with workgroup memory lose and take seconds to compile. */
function suits(kernel: ConvKernel, problem: ConvProblem, { software }: DeviceContext): boolean {
  return kernel.supports(problem) && !(software && kernel.work(problem).sharedBytes > 0);
}

/** Seeded noise between 0 and 1: zeros would be faster than pictures on some devices. */
function noise(graph: Graph): HostTensor[] {
  const random = seededRandom(1);
  return graph.inputs.map((id) => {
    const { shape } = graph.values[id];
    return tensor("float32", shape, Float32Array.from({ length: elementCount(shape) }, random));
  });
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1];

/**
 * Whether a time is shorter by more than noise. `shortest`: the shortest time that the clock distinguished from zero; browsers round to steps of
 * 0.1 ms, and neither a nothing nor less than a step is a win.
 */
export function beats(ms: number, usualMs: number, shortest: number): boolean {
  return ms > 0 && ms < MARGIN * usualMs && usualMs - ms >= Math.min(shortest, usualMs / 2);
}

interface Measured {
  readonly outputs: readonly HostTensor[];
  /** Of the last run, all dispatches together. */
  readonly total: number;
  /** By problem: the median of its convolutions in all runs. */
  readonly ms: ReadonlyMap<string, number>;
  /** The shortest time of a dispatch that the clock could tell from nothing. */
  readonly shortest: number;
}

/** The network with the kernels of a choice. */
async function measure(
  setting: TunerSetting,
  inputs: readonly HostTensor[],
  choice: ConvChoice,
  usualMs = 0,
): Promise<Measured> {
  const { graph, half, services } = setting;
  const problems = new Map<string, string>();
  const noted: ConvChoice = (problem, node) => {
    problems.set(node, problemKey(problem, half));
    return choice(problem, node);
  };
  const plan = lowerGraph(graph, { choice: noted, half, chainPools: !services.context.software });
  const compiled = new Compiled(graph, plan, await DevicePlan.create(plan, services), services);
  const host = { prepare: async () => compiled };
  const executable = await WebGpuExecutable.create(graph, { keepTaps: [], half }, host);
  try {
    const outputs = await executable.run(inputs);
    const samples = new Map<string, number[]>();
    let total = 0;
    let shortest = Number.POSITIVE_INFINITY;
    for (let i = 0; i < REPEATS && (i === 0 || usualMs === 0 || total < HOPELESS * usualMs); i++) {
      total = 0;
      for (const { name, type, flops, ms } of await executable.profile(inputs)) {
        const problem = type === "conv2d" && flops > 0 ? problems.get(name) : undefined;
        total += ms;
        if (ms > 0) shortest = Math.min(shortest, ms);
        if (problem === undefined) continue;
        const list = samples.get(problem);
        if (list) list.push(ms);
        else samples.set(problem, [ms]);
      }
    }
    return { outputs, total, shortest, ms: new Map([...samples].map(([problem, list]) => [problem, median(list)])) };
  } finally {
    executable.dispose();
  }
}

/** Undefined for a candidate that this device does not compile, bind or hold. */
async function tryToMeasure(...given: Parameters<typeof measure>): Promise<Measured | undefined> {
  try {
    return await measure(...given);
  } catch (error) {
    const own = [ShaderCompileError, LimitError, UnsupportedError, PrecisionError];
    if (own.some((kind) => error instanceof kind)) return undefined;
    throw error;
  }
}

function agree(actual: readonly HostTensor[], expected: readonly HostTensor[], half: boolean): boolean {
  const limit = half ? LIMIT.float16 : LIMIT.float32;
  return expected.every((output, i) => compare(actual[i], output).nmse <= limit);
}

interface Entry {
  readonly problem: ConvProblem;
  readonly usual: ConvKernel;
  readonly candidates: { readonly name: string; readonly kernel: ConvKernel; readonly ms: number }[];
}

/** The graph's convolutions that the table does not know. */
function unknown({ graph, half, table, usual }: TunerSetting): Map<string, Entry> {
  const open = new Map<string, Entry>();
  const look: ConvChoice = (problem) => {
    const key = problemKey(problem, half);
    const kernel = usual(problem);
    if (table.get(key) === undefined) open.set(key, { problem, usual: kernel, candidates: [] });
    return kernel;
  };
  lowerGraph(graph, { choice: look, half });
  return open;
}

/** @throws the signal's reason; PrecisionError where float16 cannot hold the network's numbers. */
export async function tune(setting: TunerSetting, options: TuneOptions): Promise<void> {
  const { graph, half, services, table, usual } = setting;
  const { onProgress, onReport, signal, seconds = SECONDS } = options;
  const open = unknown(setting);
  const report = { shapes: open.size, changed: 0, usualMs: 0, tunedMs: 0, rejected: new Set<string>(), complete: true };
  if (open.size > 0) {
    const entries = [...open.values()];
    const useful = ([, kernel]: readonly [string, ConvKernel]): boolean =>
      entries.some((entry) => entry.usual !== kernel && suits(kernel, entry.problem, services.context));
    const competitors = [...(setting.candidates ?? runnable(services.context))].filter(useful);
    const total = competitors.length + 2;
    const ends = performance.now() + seconds * 1000;
    const inputs = noise(graph);
    onProgress?.({ done: 0, total, kernel: "usual kernels" });
    const before = await measure(setting, inputs, usual);
    for (const [i, [name, kernel]] of competitors.entries()) {
      signal?.throwIfAborted();
      if (performance.now() > ends) {
        report.complete = false;
        break;
      }
      onProgress?.({ done: i + 1, total, kernel: name });
      const chosen = new Set<string>();
      const choice: ConvChoice = (problem) => {
        const key = problemKey(problem, half);
        const entry = open.get(key);
        if (!entry || entry.usual === kernel || !kernel.supports(problem)) return usual(problem);
        chosen.add(key);
        return kernel;
      };
      const run = await tryToMeasure(setting, inputs, choice, before.total);
      if (run && agree(run.outputs, before.outputs, half)) {
        for (const key of chosen) {
          const ms = run.ms.get(key);
          if (ms !== undefined) open.get(key)?.candidates.push({ name, kernel, ms });
        }
      } else report.rejected.add(name);
    }
    signal?.throwIfAborted();
    // Once more, because clocks and other programs change while one measures: the better of both is to be beaten.
    onProgress?.({ done: total - 1, total, kernel: "usual kernels" });
    const after = await measure(setting, inputs, usual);
    const shortest = Math.min(before.shortest, after.shortest);
    for (const [key, { problem, candidates }] of open) {
      signal?.throwIfAborted();
      const usualMs = Math.min(...[before, after].map(({ ms }) => ms.get(key) ?? Number.POSITIVE_INFINITY));
      const winners = candidates.filter(({ ms }) => beats(ms, usualMs, shortest)).sort((a, b) => a.ms - b.ms);
      let winner: (typeof winners)[number] | undefined;
      for (const candidate of winners) {
        if (await agreesWithPlain(problem, candidate.kernel, half, services)) {
          winner = candidate;
          break;
        }
        report.rejected.add(candidate.name);
      }
      // What was not measured to the end is measured again next time.
      if (winner || report.complete) table.set(key, winner?.name ?? USUAL);
      report.usualMs += usualMs;
      report.tunedMs += winner?.ms ?? usualMs;
      if (winner) report.changed++;
    }
  }
  onReport?.({ ...report, rejected: [...report.rejected] });
}
