#!/usr/bin/env node
/**
 * Live parity with PyTorch: makes fresh networks of every architecture with the twin in test/pytorch, and holds the built
 * command line's `verify` against PyTorch's layers, on the CPU and, where there is an adapter, on WebGPU.
 *
 *   npm run parity -- [--seed N] [--arch NAME …] [--backend cpu,webgpu] [--keep]
 *
 * Exit code 0: everything agrees; 1: something does not, or PyTorch or the build is missing. With REQUIRE_WEBGPU set, a
 * missing adapter is a failure.
 */

import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const REPOSITORY = join(dirname(fileURLToPath(import.meta.url)), "..");
const CLI = join(REPOSITORY, "dist", "cli.js");
const TWIN = join(REPOSITORY, "test", "pytorch", "make_fixtures.py");
/** Whose description alone does not tell the activations: BottleneckCSP has LeakyReLU or SiLU, SPPF of the newer package SiLU or none. */
const NO_STATE_DICT = new Set(["csp", "assorted", "cls", "v8-seg", "11-pose", "26"]);
const COLUMN = 34;

/** What keeps the comparison from being made: one line on standard error, exit code 1. */
class Obstacle extends Error {}

/** A Python that has PyTorch. */
function findPython() {
  const candidates = [process.env.PYTHON, "python3", "/usr/bin/python3", "python"].filter(Boolean);
  for (const python of candidates) {
    const { status, stdout } = spawnSync(python, ["-c", "import torch; print(torch.__version__)"], {
      encoding: "utf8",
    });
    if (status === 0) return { python, version: stdout.trim() };
  }
  throw new Obstacle(
    `parity needs Python with PyTorch, and none of ${candidates.join(", ")} has it; install it (Debian: apt install python3-torch; else: pip install torch numpy) or set PYTHON`,
  );
}

function runTwin(python, args) {
  const { status, stdout, stderr } = spawnSync(python, [TWIN, ...args], {
    encoding: "utf8",
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: "1" },
  });
  if (status !== 0) throw new Obstacle(`make_fixtures.py failed: ${stderr.trim().split("\n").at(-1)}`);
  return stdout.trim().split("\n");
}

/** `verify` of one checkpoint: its JSON and the time it took, or what it said instead. */
function verify(weights, reference, backend) {
  const args = [CLI, "verify", "--weights", weights, "--reference", reference, "--backend", backend, "--json", "-"];
  const start = performance.now();
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8", maxBuffer: 1 << 28 });
  const seconds = (performance.now() - start) / 1000;
  try {
    return { report: JSON.parse(stdout), seconds };
  } catch {
    return { error: stderr.trim().split("\n").at(-1) || "verify printed nothing", seconds };
  }
}

function worstOf(layers) {
  return layers.reduce((worst, layer) => (worst.nmse >= layer.nmse ? worst : layer));
}

/** Text and verdict of one cell of the table. */
function cell({ report, error, seconds }) {
  if (!report) return { ok: false, text: "error", detail: error };
  const { name, nmse } = worstOf(report.layers);
  const text = `${report.ok ? "ok" : "FAIL"} ${nmse.toExponential(1)} ${name} (${seconds.toFixed(1)} s)`;
  return { ok: report.ok, text, detail: report.ok ? undefined : `first diverging: ${report.firstDiverging}` };
}

/** The backends to use: those asked for, or the CPU and WebGPU where a probe finds an adapter. */
function chooseBackends(asked, weights, reference) {
  if (asked) return asked.split(",");
  const { report, error } = verify(weights, reference, "webgpu");
  if (report) return ["cpu", "webgpu"];
  if (process.env.REQUIRE_WEBGPU) throw new Obstacle(`REQUIRE_WEBGPU is set and WebGPU failed: ${error}`);
  console.log(`webgpu skipped: ${error}`);
  return ["cpu"];
}

/** One row of the table: the checkpoint on every backend, and its state dict on the CPU. */
function checkArchitecture(name, fileOf, backends) {
  const reference = fileOf(name, ".layers.safetensors");
  const cells = backends.map((backend) => [backend, cell(verify(fileOf(name, ".pt"), reference, backend))]);
  if (!NO_STATE_DICT.has(name)) {
    cells.push(["state dict", cell(verify(fileOf(name, ".state.pt"), reference, "cpu"))]);
  }
  console.log(`${name.padEnd(14)}${cells.map(([, c]) => c.text.padEnd(COLUMN)).join("")}`.trimEnd());
  return cells.map(([where, { ok, detail }]) => (ok ? undefined : `${name} on ${where}: ${detail}`));
}

function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      seed: { type: "string" },
      arch: { type: "string", multiple: true },
      backend: { type: "string" },
      keep: { type: "boolean", default: false },
    },
  });
  const seed = values.seed ?? String(Math.floor(Math.random() * 1e6));
  if (!/^\d+$/.test(seed)) throw new Obstacle(`--seed must be a whole number, got ${seed}`);
  if (!existsSync(CLI)) throw new Obstacle("dist/cli.js is missing; run npm run build first");
  const { python, version } = findPython();
  const folder = mkdtempSync(join(tmpdir(), "yolov5-parity-"));
  const fileOf = (name, suffix) => join(folder, `${name}${suffix}`);
  try {
    console.log(`PyTorch ${version}, seed ${seed} (repeat with --seed ${seed})`);
    const chosen = [...(values.arch ?? []), ...positionals];
    const names = runTwin(python, [
      ...["--out", folder, "--seed", seed, "--state-dict"],
      ...(chosen.length > 0 ? ["--arch", ...chosen] : []),
    ]);
    const backends = chooseBackends(values.backend, fileOf(names[0], ".pt"), fileOf(names[0], ".layers.safetensors"));
    const columns = [...backends, "state dict (cpu)"];
    console.log(`${"architecture".padEnd(14)}${columns.map((c) => c.padEnd(COLUMN)).join("")}`.trimEnd());
    const results = names.flatMap((name) => checkArchitecture(name, fileOf, backends));
    const failures = results.filter((failure) => failure !== undefined);
    for (const failure of failures) console.error(failure);
    console.log(`${results.length - failures.length} passed, ${failures.length} failed`);
    process.exitCode = failures.length > 0 ? 1 : 0;
  } finally {
    if (values.keep) console.log(`files kept in ${folder}`);
    else rmSync(folder, { recursive: true, force: true });
  }
}

try {
  main();
} catch (error) {
  if (!(error instanceof Obstacle) && error.code !== "ERR_PARSE_ARGS_UNKNOWN_OPTION") throw error;
  console.error(error.message);
  process.exitCode = 1;
}
