/** Commands as child processes whose processor time is measured. */

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect } from "vitest";
import { REPOSITORY } from "../../support/reference.js";
import { scratchFolder } from "../support.js";

const CLI = join(REPOSITORY, "dist", "cli.js");
export const skip = !existsSync(CLI) || process.platform !== "linux";
if (skip) console.warn("skipped: no dist/cli.js (npm run build makes it), or no /proc, which has processor times");

export const folder = await scratchFolder();
export const LIMIT_MS = 120_000;
export const CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
export type Signal = keyof typeof CODES;

/** Writes the processor time of the whole process when it ends, all threads together. */
const TELL = `data:text/javascript,${encodeURIComponent(`
import { writeFileSync } from "node:fs";
import { isMainThread } from "node:worker_threads";
if (isMainThread) process.on("exit", () => {
  const { user, system } = process.cpuUsage();
  writeFileSync(process.env.CPU_FILE, String((user + system) / 1000));
});`)}`;

let runs = 0;

export class Running {
  readonly child: ChildProcess;
  readonly cwd = join(folder, `run${runs++}`);
  readonly ended: Promise<number | null>;
  stdout = "";
  stderr = "";

  constructor(argv: readonly string[], env: Readonly<Record<string, string>> = {}) {
    mkdirSync(this.cwd);
    this.child = spawn(process.execPath, ["--import", TELL, CLI, ...argv], {
      cwd: this.cwd,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, CPU_FILE: join(this.cwd, "cpu"), ...env },
    });
    this.child.stderr?.on("data", (data: Buffer) => {
      this.stderr += data.toString();
    });
    this.child.stdout?.on("data", (data: Buffer) => {
      this.stdout += data.toString();
    });
    const timer = setTimeout(() => this.child.kill("SIGKILL"), LIMIT_MS);
    this.ended = new Promise((resolve) => {
      this.child.on("close", (code) => {
        clearTimeout(timer);
        resolve(code);
      });
    });
  }

  /** Milliseconds of processor time so far; undefined once it has ended. In steps of 10 ms. */
  cpuMs(): number | undefined {
    try {
      const fields = readFileSync(`/proc/${this.child.pid}/stat`, "utf8")
        .replace(/^.*\) /, "")
        .split(" ");
      return (Number(fields[11]) + Number(fields[12])) * 10;
    } catch {
      return undefined;
    }
  }

  async reaches(cpuMs: number): Promise<void> {
    for (;;) {
      const now = this.cpuMs();
      if (now === undefined || now >= cpuMs) return;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** All of its processor time in milliseconds, as reported by the process itself. */
  whole(): number {
    return Number(readFileSync(join(this.cwd, "cpu"), "utf8"));
  }
}

/**
 * Measures what a command needs to start, load the embedded model and describe it, before the tests of the file.
 * @returns the most that it took, in milliseconds of processor time.
 */
export function measureStart(): () => number {
  let start = 0;
  beforeAll(async () => {
    if (skip) return;
    // Of several: processors change their clock, and share their caches with other work.
    for (let i = 0; i < 3; i++) {
      const info = new Running(["info", "--weights", "codes"]);
      expect(await info.ended, info.stderr).toBe(0);
      start = Math.max(start, info.whole());
    }
  }, LIMIT_MS);
  return () => start;
}
