/** The built command as a process: exit codes, streams, Ctrl-C, and that it ends when it is done. */

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { REPOSITORY } from "../support/reference.js";
import { EXAMPLE, type Outcome, scratchFolder } from "./support.js";

const CLI = join(REPOSITORY, "dist", "cli.js");
const built = existsSync(CLI);
if (!built) console.warn("skipped: no dist/cli.js; run npm run build first");
const folder = await scratchFolder();

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

describe.skipIf(!built)("dist/cli.js", () => {
  test("--version is the package's, at once", async () => {
    const started = performance.now();
    const { code, stdout } = await start(["--version"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    // Loading the engine takes longer than this on any machine; help and version must not load it.
    expect(performance.now() - started).toBeLessThan(2000);
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

  test("runs from any folder: the embedded model and picture, results in runs/detect/exp", async () => {
    const { code, stdout } = await start(["detect", "--backend", "cpu", "--imgsz", "64"]);
    expect(code).toBe(0);
    expect(stdout).toContain(`Results saved to ${join("runs", "detect", "exp")}`);
    expect(existsSync(join(folder, "runs", "detect", "exp", "codes.png"))).toBe(true);
  });

  test("Ctrl-C: exit code 130, says how far it came", async () => {
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

  test("a reader that stops early is no failure", async () => {
    const child = spawn(process.execPath, [CLI, "detect", "--help"], { stdio: ["ignore", "pipe", "pipe"] });
    child.stdout.destroy();
    const code = await new Promise((resolve) => child.on("close", resolve));
    expect(code).toBe(0);
  });
});
