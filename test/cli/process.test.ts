/** The built command as a process: exit codes, streams, Ctrl-C, and that it ends when it is done. */

import { spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { REPOSITORY } from "../support/reference.js";
import { webgpuOrSkip } from "../support/webgpu.js";
import { EXAMPLE, type Outcome, scratchFolder } from "./support.js";

const CLI = join(REPOSITORY, "dist", "cli.js");
const built = existsSync(CLI);
if (!built) console.warn("skipped: no dist/cli.js; run npm run build first");
const folder = await scratchFolder();
const gpu = built && (await webgpuOrSkip());

function start(argv: readonly string[], onStdout?: (text: string, kill: () => void) => void): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [CLI, ...argv], { cwd: folder, env: { ...process.env, DEBUG: "" } });
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (data: Buffer) => {
      stdout += data.toString();
      onStdout?.(stdout, () => child.kill("SIGINT"));
    });
    child.stderr.on("data", (data: Buffer) => {
      stderr += data.toString();
    });
    child.on("error", reject);
    child.on("close", (code) => resolve({ code: code ?? -1, stdout, stderr }));
  });
}

/** A built file and all that it imports before it runs, with their text. */
function loadedAtStart(file: string, seen = new Map<string, string>()): Map<string, string> {
  if (seen.has(file)) return seen;
  const text = readFileSync(file, "utf8");
  seen.set(file, text);
  for (const [, name] of text.matchAll(/(?:^|[;}\s])(?:import|export)\s*(?:[\w$*{},\s]+?from\s*)?["'](\.[^"']+)["']/g))
    loadedAtStart(join(dirname(file), name), seen);
  return seen;
}

describe.skipIf(!built)("dist/cli.js", () => {
  test("--version prints the version of the package", async () => {
    const { code, stdout } = await start(["--version"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  test("help and version are immediate: every start loads little, and nothing of the engine", () => {
    const texts = [...loadedAtStart(CLI).values()];
    expect(texts.length).toBeGreaterThan(1);
    for (const text of texts) expect(text).not.toContain("@compute");
    expect(texts.join("").length).toBeLessThan(200_000);
  });

  test("exit codes 0, 1, 2", async () => {
    const flags = ["--backend", "cpu", "--imgsz", "64", "--nosave"];
    expect((await start(["detect", "--source", EXAMPLE, ...flags])).code).toBe(0);
    expect(await start(["detect", "--source", "none.jpg", ...flags])).toEqual({
      code: 1,
      stdout: "",
      stderr: "error: none.jpg: no such file; give a picture, video, folder, glob, URL or list of these\n",
    });
    expect((await start(["detect", "--nonsense"])).code).toBe(2);
  });

  test("runs from any folder with the embedded model and picture, and writes to runs/detect/exp", async () => {
    const { code, stdout } = await start(["detect", "--backend", "cpu", "--imgsz", "64"]);
    expect(code).toBe(0);
    expect(stdout).toContain(`Results saved to ${join("runs", "detect", "exp")}`);
    expect(existsSync(join(folder, "runs", "detect", "exp", "codes.png"))).toBe(true);
  });

  test("Ctrl-C exits with 130 and reports how far it got", async () => {
    const sources = Array.from({ length: 50 }, () => EXAMPLE);
    let killed = false;
    const { code, stderr } = await start(
      ["detect", "--source", ...sources, "--backend", "cpu", "--imgsz", "256", "--nosave"],
      (text, kill) => {
        if (killed || !text.includes("image 1/50")) return;
        killed = true;
        kill();
      },
    );
    expect(code).toBe(130);
    expect(stderr).toMatch(/^interrupted after \d+ of 50 pictures$/m);
  });

  test("a reader that stops early is not a failure", async () => {
    const child = spawn(process.execPath, [CLI, "detect", "--help"], { stdio: ["ignore", "pipe", "pipe"] });
    child.stdout.destroy();
    const code = await new Promise((resolve) => child.on("close", resolve));
    expect(code).toBe(0);
  });

  test.skipIf(!gpu)(
    "webgpu: Dawn writes nothing to standard error, be it a pipe or a file shared with standard output",
    async () => {
      const argv = ["detect", "--source", EXAMPLE, "--backend", "webgpu", "--imgsz", "64", "--nosave"];
      const piped = await start([...argv, "--quiet"]);
      expect(piped).toMatchObject({ code: 0, stderr: "" });
      const log = join(folder, "both.log");
      const file = openSync(log, "w");
      const child = spawn(process.execPath, [CLI, ...argv], {
        stdio: ["ignore", file, file],
        env: { ...process.env, DEBUG: "" },
      });
      expect(await new Promise((resolve) => child.on("close", resolve))).toBe(0);
      closeSync(file);
      const text = readFileSync(log, "utf8");
      expect(text).toContain("image 1/1");
      expect(text).not.toContain("Warning: ");
    },
  );

  const many = [
    "--source",
    ...Array.from({ length: 6 }, () => EXAMPLE),
    "--backend",
    "cpu",
    "--imgsz",
    "64",
    "--nosave",
  ];

  test("with standard error closed, the results are still complete", async () => {
    const child = spawn(process.execPath, [CLI, "detect", ...many, "--json", "-"], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    child.stderr.destroy();
    let stdout = "";
    child.stdout.on("data", (data: Buffer) => {
      stdout += data.toString();
    });
    expect(await new Promise((resolve) => child.on("close", resolve))).toBe(0);
    expect((JSON.parse(stdout) as { images: unknown[] }).images).toHaveLength(6);
  });

  test("if the reader goes away in the middle, the files are still complete", async () => {
    const json = join(folder, "left.json");
    const child = spawn(process.execPath, [CLI, "detect", ...many, "--json", json], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    child.stdout.once("data", () => child.stdout.destroy());
    child.stderr.resume();
    expect(await new Promise((resolve) => child.on("close", resolve))).toBe(0);
    expect((JSON.parse(readFileSync(json, "utf8")) as { images: unknown[] }).images.length).toBeLessThanOrEqual(6);
  });

  test.skipIf(!existsSync("/dev/full"))("standard output on a full disk is reported", async () => {
    const full = openSync("/dev/full", "w");
    for (const argv of [
      ["info", "--weights", "codes", "--layers"],
      ["detect", ...many, "--quiet", "--json", "-"],
    ]) {
      const child = spawn(process.execPath, [CLI, ...argv], { stdio: ["ignore", full, "pipe"] });
      let stderr = "";
      child.stderr?.on("data", (data: Buffer) => {
        stderr += data.toString();
      });
      expect(await new Promise((resolve) => child.on("close", resolve))).toBe(1);
      expect(stderr).toMatch(
        /^error: standard output: cannot be written: no space left on the device; free some or write elsewhere$/m,
      );
    }
    closeSync(full);
  });
});
