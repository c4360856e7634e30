/** `bench/longRuns.mjs`, short: models that come and go, devices that are lost and many calls at once leave nothing behind. */

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { REPOSITORY } from "../support/reference.js";
import { webgpuOrSkip } from "../support/webgpu.js";

const built = existsSync(join(REPOSITORY, "dist", "node.js"));
if (!built) console.warn("skipped: no dist/node.js; run npm run build first");
const adapter = built && (await webgpuOrSkip());

interface Run {
  readonly run: string;
  readonly grew: readonly string[];
  readonly samples: readonly unknown[];
}

/** @returns its runs; what grew is in them, and the exit code says so. */
async function longRuns(backend: string, names: readonly string[], scale: number): Promise<Run[]> {
  const argv = [join("bench", "longRuns.mjs"), ...names, "--backend", backend, "--scale", String(scale)];
  // glibc keeps an arena for each thread of a driver that has come and gone, up to the bound on some runs: with one for all, what
  // grows is a leak (docs/hostile-files.md).
  const env = { ...process.env, MALLOC_ARENA_MAX: "1" };
  const run = promisify(execFile)(process.execPath, argv, { cwd: REPOSITORY, env, timeout: 580_000 });
  const { stdout } = await run.catch((error: { stdout: string; stderr: string; code?: number }) => {
    if (error.code !== 1 || error.stdout === "") throw error;
    return error;
  });
  return stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Run);
}

function expectFlat(runs: readonly Run[], names: readonly string[]): void {
  expect(runs.map(({ run }) => run)).toEqual(names);
  for (const run of runs) expect(run.grew, JSON.stringify(run)).toEqual([]);
}

describe.skipIf(!built)("long runs", () => {
  test("wasm: cycles, frames and calls leak nothing", async () => {
    const names = ["cycles", "frames", "calls"];
    expectFlat(await longRuns("wasm", names, 0.05), names);
  });

  test.skipIf(!adapter)("webgpu: cycles and lost devices leak nothing", async () => {
    const names = ["cycles", "losses"];
    expectFlat(await longRuns("webgpu", names, 0.1), names);
  });
});
