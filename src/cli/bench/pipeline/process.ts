/** A whole job as a separate process, and the resources that it used. */

import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { throwIfInterrupted } from "../../interrupt.js";

export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd?: string | undefined;
}

/** What a process took. */
export interface Usage {
  readonly wallMs: number;
  /** Processor time of all its threads. */
  readonly cpuMs: number;
  /** Its largest resident memory. */
  readonly peakBytes: number;
}

/** Node writes its usage when it exits; as `--import`. */
const NODE_USAGE = `data:text/javascript,${encodeURIComponent(`
import { writeFileSync } from "node:fs";
process.on("exit", () => {
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
  writeFileSync(process.env.YOLOV5_USAGE, JSON.stringify({ cpuMs: (userCPUTime + systemCPUTime) / 1e3, peakBytes: maxRSS * 1024 }));
});`)}`;

/** Runs a script as `python3 script …` would, and writes the usage when it ends. */
const PYTHON_USAGE = `
import atexit, json, os, resource, runpy, sys
def usage():
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    cpu = own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime
    with open(os.environ["YOLOV5_USAGE"], "w") as file:
        json.dump({"cpuMs": cpu * 1e3, "peakBytes": own.ru_maxrss * 1024}, file)
atexit.register(usage)
sys.argv = sys.argv[1:]
sys.path.insert(0, os.path.dirname(os.path.abspath(sys.argv[0])))
runpy.run_path(sys.argv[0], run_name="__main__")`;

export function nodeCommand(script: string, args: readonly string[]): Command {
  return { program: process.execPath, args: ["--import", NODE_USAGE, script, ...args] };
}

export function pythonCommand(python: string, script: string, args: readonly string[], cwd: string): Command {
  return { program: python, args: ["-c", PYTHON_USAGE, script, ...args], cwd };
}

/** Characters of standard error that are kept to explain a failure. */
const KEPT = 2000;

/**
 * Runs a command to its end.
 * @param usageFile where it writes its usage
 * @throws Error with its last words if it fails; InterruptedError after Ctrl-C, when it has been ended.
 */
export async function runProcess(command: Command, usageFile: string, signal: AbortSignal): Promise<Usage> {
  throwIfInterrupted(signal);
  const started = performance.now();
  const child = spawn(command.program, command.args, {
    cwd: command.cwd,
    env: { ...process.env, YOLOV5_USAGE: usageFile },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const end = (): boolean => child.kill("SIGTERM");
  signal.addEventListener("abort", end, { once: true });
  try {
    let words = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      words = (words + text).slice(-KEPT);
    });
    const code = await new Promise<number | NodeJS.Signals | null>((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (exit, by) => resolve(exit ?? by));
    });
    const wallMs = performance.now() - started;
    throwIfInterrupted(signal);
    if (code !== 0) throw new Error(`it ended with ${code}: ${words.trim().split("\n").slice(-3).join(" ")}`);
    return { wallMs, ...(JSON.parse(await readFile(usageFile, "utf8")) as Omit<Usage, "wallMs">) };
  } finally {
    signal.removeEventListener("abort", end);
  }
}
