/** The built command in a process of its own, which may take 5 s of processor time and 1 GB for a hostile file. */

import { spawn } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { MAX_MIB, MAX_SECONDS, slowness } from "../support/limits.js";
import { REPOSITORY } from "../support/reference.js";

export const CLI = join(REPOSITORY, "dist", "cli.js");
export const notBuilt = !existsSync(CLI);
if (notBuilt) console.warn("skipped: no dist/cli.js; run npm run build first");

/** Against hangs alone: a machine that is busy with other work takes many times as long. */
const HANG_MS = 240_000;

/** Writes what the whole process took when it ends, all threads together. */
const TELL = `data:text/javascript,${encodeURIComponent(`
import { writeFileSync } from "node:fs";
import { isMainThread } from "node:worker_threads";
if (isMainThread) process.on("exit", () => {
  const { user, system } = process.cpuUsage();
  const taken = { seconds: (user + system) / 1e6, mib: process.resourceUsage().maxRSS / 1024 };
  writeFileSync(process.env.TAKEN_FILE, JSON.stringify(taken));
});`)}`;

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

let runs = 0;

/**
 * Runs the command to its end.
 * @throws where it hangs, is ended by the system or by V8, or takes more than a hostile file may.
 */
export async function limited(argv: readonly string[], cwd: string): Promise<Ended> {
  const file = join(cwd, `taken${runs++}.json`);
  // A heap of 1 GB: beyond it the process aborts.
  const flags = [`--max-old-space-size=${MAX_MIB}`, "--import", TELL, CLI, ...argv];
  const child = spawn(process.execPath, flags, {
    cwd,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, DEBUG: "", TAKEN_FILE: file },
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (data: Buffer) => {
    stdout += data.toString();
  });
  child.stderr.on("data", (data: Buffer) => {
    stderr += data.toString();
  });
  const timer = setTimeout(() => child.kill("SIGKILL"), HANG_MS);
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  clearTimeout(timer);
  expect(existsSync(file), `ended without a word, code ${code}: ${stderr.slice(-500)}`).toBe(true);
  const { seconds, mib } = JSON.parse(readFileSync(file, "utf8")) as { seconds: number; mib: number };
  rmSync(file);
  // Only where it matters, since measuring takes its time too.
  if (seconds > MAX_SECONDS) expect(seconds / slowness()).toBeLessThan(MAX_SECONDS);
  expect(mib).toBeLessThan(MAX_MIB);
  return { code, stdout, stderr };
}

/** One sentence about the file, and no fault of ours. */
export function expectOneSentence({ code, stderr }: Ended, about: string): void {
  expect([1, 2]).toContain(code);
  const errors = stderr.split("\n").filter((line) => line.startsWith("error: "));
  expect(errors, stderr.slice(0, 1000)).toHaveLength(1);
  expect(errors[0]).toContain(about);
  expect(errors[0]).not.toContain("internal error");
  expect(errors[0].length).toBeLessThan(1800);
}
