/** Runs cases in child processes with a limit on memory and time, and finds the one that ended a child. */

import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { build } from "esbuild";
import { MAX_MIB, MAX_SECONDS } from "../support/limits.js";
import { REPOSITORY } from "../support/reference.js";
import type { Line } from "./child.js";

/** Bundles the child into a folder within the repository, where it finds its packages. */
export async function bundleChild(folder: string): Promise<string> {
  const outfile = join(folder, "child.mjs");
  await build({
    entryPoints: [join(REPOSITORY, "test", "fuzz", "child.ts")],
    bundle: true,
    platform: "node",
    format: "esm",
    packages: "external",
    loader: { ".wgsl": "text" },
    outfile,
    logLevel: "error",
  });
  return outfile;
}

export interface KindCount {
  used: number;
  refused: number;
  /** Most seconds of processor time that one case took. */
  slowest: number;
}

export interface Totals {
  readonly kinds: Map<string, KindCount>;
  /** Most memory that any child had, in MiB. */
  mib: number;
  readonly faults: Fault[];
}

export interface Fault {
  readonly index: number;
  readonly kind: string;
  readonly what: string;
}

/** Cases of one child: memory that they leave to be collected adds up. */
const CASES_A_CHILD = 2000;
/** Of the clock, against hangs alone: the bound on processor time is far below. */
const HANG_MS = 600_000;
/** Compilers of shaders and gpu.js's kernels are not the engine's own time. */
const NETWORKS = "networks on all backends";
const MAX_NETWORK_SECONDS = 60;

interface Ended {
  /** The case after the last one that was run. */
  readonly next: number;
  readonly fault?: Fault;
}

/** What is run: cases of a seed, of kinds whose names match. */
export interface Wanted {
  readonly seed: number;
  readonly first: number;
  readonly count: number;
  /** A regular expression. */
  readonly kinds?: string;
}

/** One child from `first` on, until it ends or a case is at fault. */
function runChild(child: string, wanted: Wanted, totals: Totals): Promise<Ended> {
  const { seed, first, count, kinds = "" } = wanted;
  return new Promise((resolve) => {
    const flags = [`--max-old-space-size=${MAX_MIB}`, child, `${seed}`, `${first}`, `${first + count}`, kinds];
    const running = spawn(process.execPath, flags, { stdio: ["ignore", "pipe", "pipe"] });
    let [current, kind] = [first, ""];
    let fault: Fault | undefined;
    let why = "";
    const stop = (what: string): void => {
      fault ??= { index: current, kind, what };
      running.kill("SIGKILL");
    };
    let watch: NodeJS.Timeout | undefined;
    running.stderr.on("data", (data: Buffer) => {
      why = (why + data.toString()).slice(-2000);
    });
    createInterface(running.stdout).on("line", (text) => {
      const line = JSON.parse(text) as Line;
      clearTimeout(watch);
      if ("begin" in line) {
        [current, kind] = [line.begin, line.kind];
        watch = setTimeout(() => stop(`hangs: no answer in ${HANG_MS / 1000} s`), HANG_MS);
        return;
      }
      totals.mib = Math.max(totals.mib, line.mib);
      const count = totals.kinds.get(kind) ?? { used: 0, refused: 0, slowest: 0 };
      totals.kinds.set(kind, count);
      count.slowest = Math.max(count.slowest, line.seconds);
      if (line.outcome === "fault") stop(line.fault ?? "");
      else count[line.outcome]++;
      const most = kind === NETWORKS ? MAX_NETWORK_SECONDS : MAX_SECONDS;
      if (line.seconds > most) stop(`took ${line.seconds.toFixed(1)} s of processor time, more than ${most}`);
      if (line.mib > MAX_MIB) stop(`took ${line.mib.toFixed(0)} MiB, more than ${MAX_MIB}`);
    });
    running.on("close", (code, signal) => {
      clearTimeout(watch);
      if (!fault && code !== 0) fault = { index: current, kind, what: `ended the process (${code ?? signal}): ${why}` };
      resolve(fault ? { next: current + 1, fault } : { next: first + count });
    });
  });
}

/**
 * Runs cases, a few hundred a child. A case that was at fault is run once more alone, where nothing before it can
 * have had a part in it.
 * @param most stop after so many faults
 */
export async function runCases(
  child: string,
  wanted: Wanted,
  onProgress: (done: number, totals: Totals) => void = () => undefined,
  most = 20,
): Promise<Totals> {
  const totals: Totals = { kinds: new Map(), mib: 0, faults: [] };
  const { first, count } = wanted;
  for (let at = first; at < first + count && totals.faults.length < most; ) {
    const part = Math.min(CASES_A_CHILD, first + count - at);
    const { next, fault } = await runChild(child, { ...wanted, first: at, count: part }, totals);
    if (fault) {
      const alone = await runChild(child, { ...wanted, first: fault.index, count: 1 }, { ...totals, kinds: new Map() });
      if (alone.fault) totals.faults.push(alone.fault);
    }
    at = next;
    onProgress(at - first, totals);
  }
  return totals;
}

/** A table for people, a row a kind. */
export function tableOf({ kinds, mib }: Totals): string {
  const rows = [...kinds]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([kind, { used, refused, slowest }]) => {
      return `| ${kind} | ${used + refused} | ${used} | ${refused} | ${slowest.toFixed(1)} s |`;
    });
  return [
    "| cases | number | used | refused | slowest |",
    "|---|---|---|---|---|",
    ...rows,
    `Most memory: ${mib.toFixed(0)} MiB`,
  ].join("\n");
}
