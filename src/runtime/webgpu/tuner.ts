/**
 * Measures, for every convolution of a graph that the table does not know yet, the kernels that can do it, on the device and
 * within the whole network, and writes down the fastest. A kernel whose network gives other numbers than the usual one's is
 * out, however fast it is.
 */

import type { ConvKernel } from "../../kernels/wgsl/index.js";
import type { Graph } from "../../ops/index.js";
import { compare, elementCount, type HostTensor, tensor } from "../../tensor/index.js";
import type { TuneOptions } from "../backend.js";
import { DevicePlan, type Services } from "./bindings.js";
import { Compiled } from "./compiled.js";
import { CONV_KERNELS } from "./convKernels.js";
import { WebGpuExecutable } from "./executable.js";
import type { ConvChoice } from "./lowerConv.js";
import { lowerGraph } from "./lowerGraph.js";
import { problemKey, USUAL } from "./tuning.js";

export interface TunerSetting {
  readonly graph: Graph;
  readonly half: boolean;
  readonly services: Services;
  /** What is used without tuning, in order of preference. */
  readonly usual: readonly ConvKernel[];
  /** Competitors by name. Default: all that suit the adapter. */
  readonly candidates?: ReadonlyMap<string, ConvKernel>;
}

/** Timed runs of every candidate; the median counts. */
const REPEATS = 5;
/** One run is enough for a kernel that takes so many times as long as the usual ones. */
const HOPELESS = 1.5;
/** A winner must take less than this share of the usual kernel's time, or noise would choose. */
const MARGIN = 0.97;
/** Largest deviation from the usual kernel's outputs (NMSE): far above rounding, far below a wrong element. */
const LIMIT = { float32: 1e-8, float16: 1e-3 };
/** Default time limit in seconds. */
const SECONDS = 120;

/** On an adapter that is emulated on the CPU, kernels with workgroup memory lose and take seconds to compile. */
function suitable({ services }: TunerSetting): Map<string, ConvKernel> {
  const { software, device } = services.context;
  return new Map(
    [...CONV_KERNELS].filter(
      ([name, { features }]) =>
        features.every((feature) => device.features.has(feature)) && !(software && /tiled|1x1/.test(name)),
    ),
  );
}

/** Seeded noise between 0 and 1: zeros would be faster than pictures on some devices. */
function noise(graph: Graph): HostTensor[] {
  let state = 1;
  return graph.inputs.map((id) => {
    const { shape } = graph.values[id];
    const data = new Float32Array(elementCount(shape));
    for (let i = 0; i < data.length; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      data[i] = state / 2 ** 32;
    }
    return tensor("float32", shape, data);
  });
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1];

/** The network with one kernel wherever the choice gives it: its outputs, and ms by problem. */
async function measure(setting: TunerSetting, inputs: readonly HostTensor[], wanted: ConvChoice, usualMs = 0) {
  const { graph, half, services, usual } = setting;
  const chainPools = !services.context.software;
  const problems = new Map<string, string>();
  const choice: ConvChoice = (problem, node) => {
    problems.set(node, problemKey(problem, half));
    return wanted(problem, node);
  };
  const plan = lowerGraph(graph, { kernels: usual, half, choice, chainPools });
  const compiled = new Compiled(graph, plan, await DevicePlan.create(plan, services), services);
  const host = { prepare: async () => compiled };
  const executable = await WebGpuExecutable.create(graph, { keep: new Set(), half }, host);
  try {
    const outputs = await executable.run(inputs);
    const samples = new Map<string, number[]>();
    let total = 0;
    for (let i = 0; i < REPEATS && (i === 0 || usualMs === 0 || total < HOPELESS * usualMs); i++) {
      total = 0;
      for (const { name, type, flops, ms } of await executable.profile(inputs)) {
        const problem = type === "conv2d" && flops > 0 ? problems.get(name) : undefined;
        total += ms;
        if (problem === undefined) continue;
        const list = samples.get(problem);
        if (list) list.push(ms);
        else samples.set(problem, [ms]);
      }
    }
    return { outputs, total, ms: new Map([...samples].map(([problem, list]) => [problem, median(list)])) };
  } finally {
    executable.dispose();
  }
}

function agree(actual: readonly HostTensor[], expected: readonly HostTensor[], half: boolean): boolean {
  const limit = half ? LIMIT.float16 : LIMIT.float32;
  return expected.every((output, i) => compare(actual[i], output).nmse <= limit);
}

/** @throws the signal's reason; PrecisionError where float16 cannot hold the network's numbers. */
export async function tune(setting: TunerSetting, options: TuneOptions): Promise<void> {
  const { graph, half, services, usual } = setting;
  const { onProgress, onReport, signal, seconds = SECONDS } = options;
  const { tuning: table } = services;
  const open = new Map<string, ConvKernel>();
  const supporters = new Map<string, ConvKernel>();
  const candidates = setting.candidates ?? suitable(setting);
  const look: ConvChoice = (problem) => {
    const key = problemKey(problem, half);
    const first = usual.find((kernel) => kernel.supports(problem));
    if (table.get(key) !== undefined || !first) return undefined;
    open.set(key, first);
    for (const [name, kernel] of candidates) if (kernel.supports(problem)) supporters.set(name, kernel);
    return undefined;
  };
  lowerGraph(graph, { kernels: usual, half, choice: look });
  const report = { shapes: open.size, changed: 0, usualMs: 0, tunedMs: 0, rejected: [] as string[] };
  if (open.size > 0) {
    const total = supporters.size + 2;
    const ends = performance.now() + seconds * 1000;
    const inputs = noise(graph);
    const usualRun = () => measure(setting, inputs, () => undefined);
    onProgress?.({ done: 0, total, kernel: "usual kernels" });
    const before = await usualRun();
    const best = new Map<string, { kernel: string; ms: number }>();
    let done = 1;
    for (const [name, kernel] of supporters) {
      signal?.throwIfAborted();
      if (performance.now() > ends) break;
      onProgress?.({ done: done++, total, kernel: name });
      const chosen = new Set<string>();
      const run = await measure(
        setting,
        inputs,
        (problem) => {
          const key = problemKey(problem, half);
          if (open.get(key) === undefined || open.get(key) === kernel || !kernel.supports(problem)) return undefined;
          chosen.add(key);
          return kernel;
        },
        before.total,
      );
      if (!agree(run.outputs, before.outputs, half)) {
        report.rejected.push(name);
        continue;
      }
      for (const key of chosen) {
        const ms = run.ms.get(key) ?? Number.POSITIVE_INFINITY;
        if (ms < (best.get(key)?.ms ?? Number.POSITIVE_INFINITY)) best.set(key, { kernel: name, ms });
      }
    }
    // Once more, because clocks and other programs change while one measures: the better of both is to be beaten.
    onProgress?.({ done: total - 1, total, kernel: "usual kernels" });
    const after = await usualRun();
    for (const key of open.keys()) {
      const usualMs = Math.min(...[before, after].map(({ ms }) => ms.get(key) ?? Number.POSITIVE_INFINITY));
      const winner = best.get(key);
      const wins = winner !== undefined && winner.ms < MARGIN * usualMs;
      table.set(key, wins ? winner.kernel : USUAL);
      report.usualMs += usualMs;
      report.tunedMs += wins ? winner.ms : usualMs;
      if (wins) report.changed++;
    }
  }
  onReport?.(report);
}
