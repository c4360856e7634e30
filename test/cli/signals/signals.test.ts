/**
 * Signals at seven moments of each command (three of most, unless `YOLOV5_FULL=1`): it ends soon, with the signal's code, what it wrote is whole, and nothing stays.
 * The moments are shares of the time between the first words and the end of a run that nobody disturbs. A busy machine
 * moves them, which must not matter; a run may be done before its signal comes. That signals are heard, and how
 * little is still done after one, which is the promise of a second, is in `signalWork.test.ts`.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { constants } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openModel } from "../../../src/yolov5/loadModel.js";
import { allOr } from "../../support/full.js";
import { REPOSITORY } from "../../support/reference.js";
import { ffmpeg, ffmpegMissing, probe } from "../../support/video.js";
import { EXAMPLE, fixture, scratchFolder } from "../support.js";

const CLI = join(REPOSITORY, "dist", "cli.js");
const skip = !existsSync(CLI) || process.platform === "win32";
if (skip) console.warn("skipped: no dist/cli.js (npm run build makes it), or a system without these signals");

const MOMENTS = 7;
const ALL = Array.from({ length: MOMENTS }, (_, i) => i);
/** Of these, what the short suite takes: one of each signal. */
const SOME = [1, 3, 5];
const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
/** Against hangs: a run that is still there so long after its signal is killed, which fails. */
const LIMIT_MS = 120_000;

const folder = await scratchFolder();

interface Ended {
  readonly code: number | null;
  readonly stderr: string;
  /** From the start to the first words, and to the end. */
  readonly firstMs: number;
  readonly endMs: number;
}

/** @param delayMs from the first words to the signal. */
function run(argv: readonly string[], cwd: string, signal?: NodeJS.Signals, delayMs = 0): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const started = performance.now();
    const child: ChildProcess = spawn(process.execPath, [CLI, ...argv], { cwd, stdio: ["ignore", "pipe", "pipe"] });
    let [stderr, firstMs] = ["", 0];
    let timer: NodeJS.Timeout | undefined;
    const onWords = (data: Buffer, isError: boolean): void => {
      if (isError) stderr += data.toString();
      if (firstMs > 0) return;
      firstMs = performance.now() - started;
      if (signal === undefined) return;
      timer = setTimeout(() => {
        child.kill(signal);
        timer = setTimeout(() => child.kill("SIGKILL"), LIMIT_MS);
      }, delayMs);
    };
    child.stdout?.on("data", (data: Buffer) => onWords(data, false));
    child.stderr?.on("data", (data: Buffer) => onWords(data, true));
    child.on("error", reject);
    child.on("close", (exitCode, name) => {
      // As a shell tells it: Node lets go of its handlers a moment before it is gone, and a signal then ends it directly.
      const code = exitCode ?? (name === null ? null : 128 + constants.signals[name]);
      clearTimeout(timer);
      const now = performance.now();
      resolve({ code, stderr, firstMs, endMs: now - started });
    });
  });
}

const filesOf = (cwd: string): string[] =>
  readdirSync(cwd, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

/** Everything that a reader could open opens. */
async function checkFiles(cwd: string): Promise<void> {
  for (const file of filesOf(cwd)) {
    expect(file).not.toMatch(/\.part$/);
    const bytes = await readFile(file);
    if (/\.json$/.test(file)) expect(() => JSON.parse(bytes.toString())).not.toThrow();
    if (/\.html$/.test(file)) expect(bytes.toString()).toMatch(/<\/html>\n$/);
    if (/\.svg$/.test(file)) expect(bytes.toString()).toMatch(/<\/svg>\s*$/);
    if (/\.png$/.test(file)) expect(bytes.subarray(-8, -4).toString("latin1")).toBe("IEND");
    if (/\.safetensors$/.test(file)) expect(() => openModel(bytes, { path: file })).not.toThrow();
    if (/\.mp4$/.test(file)) expect(probe(file).frames).toBeGreaterThan(0);
  }
}

/** Processes whose folder is that of the run; Linux alone tells. */
function leftBehind(cwd: string): string[] {
  if (process.platform !== "linux") return [];
  return readdirSync("/proc").filter((id) => {
    try {
      return /^\d+$/.test(id) && readlinkSync(`/proc/${id}/cwd`) === cwd;
    } catch {
      return false;
    }
  });
}

async function atSevenMoments(
  name: string,
  argv: readonly string[],
  check: (cwd: string, ended: Ended) => void = () => undefined,
): Promise<void> {
  const folderOf = (moment: string): string => {
    const cwd = join(folder, `${name}-${moment}`);
    mkdirSync(cwd);
    return cwd;
  };
  const undisturbed = folderOf("whole");
  const whole = await run(argv, undisturbed);
  expect(whole.code, whole.stderr).toBe(0);
  await checkFiles(undisturbed);
  for (const moment of allOr(ALL, SOME)) {
    const cwd = folderOf(`${moment}`);
    const [signal, expected] = Object.entries(SIGNALS)[moment % 3] as [NodeJS.Signals, number];
    const ended = await run(argv, cwd, signal, ((whole.endMs - whole.firstMs) * moment) / MOMENTS);
    // A run that was quicker than the one before is simply done.
    expect([expected, 0], `${signal}, moment ${moment}: ${ended.stderr}`).toContain(ended.code);
    await checkFiles(cwd);
    check(cwd, ended);
    await expect.poll(() => leftBehind(cwd), { timeout: 60_000 }).toEqual([]);
  }
}

/** The JSON has as many pictures as the last words say. */
function checkCount(cwd: string, { code, stderr }: Ended): void {
  const done = Number(/^interrupted after (\d+)/m.exec(stderr)?.[1] ?? Number.NaN);
  if (code === 0 || Number.isNaN(done)) return;
  const { images } = JSON.parse(readFileSync(join(cwd, "out.json"), "utf8")) as { images: unknown[] };
  expect(images).toHaveLength(done);
}

function pictures(count: number): string {
  const data = join(folder, `data${count}`);
  if (existsSync(data)) return data;
  mkdirSync(join(data, "images"), { recursive: true });
  for (let i = 0; i < count; i++) copyFileSync(EXAMPLE, join(data, "images", `${i}.png`));
  return data;
}

const CPU = ["--backend", "cpu"] as const;
const WASM = ["--backend", "wasm", "--threads", "1", "--imgsz", "256"] as const;

describe.skipIf(skip)("signals at seven moments of", { timeout: 600_000 }, () => {
  test("detect on pictures", async () => {
    const source = join(pictures(6), "images");
    const flags = [
      "--source",
      source,
      ...WASM,
      "--save-txt",
      "--save-crop",
      "--image-format",
      "jpg",
      "--json",
      "out.json",
    ];
    await atSevenMoments("pictures", ["detect", ...flags], checkCount);
  });

  // What is blurred waits for the frames after it, and the file for the sound.
  test.skipIf(ffmpegMissing()).each([[[]], [["--blur"]]])("detect on a video %j", async (more: readonly string[]) => {
    const clip = join(folder, "clip.mp4");
    ffmpeg(["-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25:duration=2", "-c:v", "mpeg4", clip]);
    const flags = ["--source", clip, ...CPU, "--imgsz", "128", "--json", "out.json", ...more];
    await atSevenMoments(`video${more}`, ["detect", ...flags], (cwd, ended) => {
      checkCount(cwd, ended);
      const made = join(cwd, "runs", "detect", "exp", "clip.mp4");
      const done = Number(/^interrupted after (\d+) frames/m.exec(ended.stderr)?.[1] ?? 0);
      if (done > 0) expect(probe(made).frames).toBe(done);
    });
  });

  test("val", async () => {
    const flags = ["--data", pictures(6), ...WASM, "--save-txt", "--save-json", "--json", "out.json"];
    await atSevenMoments("val", ["val", ...flags]);
  });

  test("compress", async () => {
    const flags = ["--data", pictures(allOr([4], [2])[0]), ...WASM, "--iterations", "2"];
    const steps = ["--prune", "0.1", "--output", "small.safetensors", "--report", "report.html", "--json", "out.json"];
    await atSevenMoments("compress", ["compress", "--weights", "codes", ...flags, ...steps]);
  });

  test("export --int8", async () => {
    const flags = ["--int8", "--data", join(pictures(6), "images"), ...WASM];
    await atSevenMoments("export", ["export", "--weights", "codes", ...flags, "--output", "int8.safetensors"]);
  });

  test("bench", async () => {
    const flags = [...CPU, "--imgsz", "128", "--iterations", "10", "--json", "out.json"];
    await atSevenMoments("bench", ["bench", "--weights", "codes", ...flags]);
  });

  test("verify", async () => {
    const flags = ["--reference", fixture("codes.layers.safetensors"), ...CPU, "--json", "out.json"];
    await atSevenMoments("verify", ["verify", "--weights", "codes", ...flags]);
  });
});
