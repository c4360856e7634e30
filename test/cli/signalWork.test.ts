/**
 * How much is still done after a signal, where much is under way: large models, large pictures, walks over weights, downloads. The
 * promise is a second; what is compared is processor time, with what the command needs to start on the same machine, so that
 * neither its speed nor what else it does matters.
 */

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import {
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { crc32, deflateSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { REPOSITORY } from "../support/reference.js";
import { ffmpegMissing, probe } from "../support/video.js";
import { EXAMPLE, fixture, scratchFolder } from "./support.js";

const CLI = join(REPOSITORY, "dist", "cli.js");
const skip = !existsSync(CLI) || process.platform !== "linux";
if (skip) console.warn("skipped: no dist/cli.js (npm run build makes it), or no /proc, which tells processor times");

const folder = await scratchFolder();
const LIMIT_MS = 120_000;
const CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
type Signal = keyof typeof CODES;

/** Writes the processor time of the whole process when it ends, all threads together. */
const TELL = `data:text/javascript,${encodeURIComponent(`
import { writeFileSync } from "node:fs";
import { isMainThread } from "node:worker_threads";
if (isMainThread) process.on("exit", () => {
  const { user, system } = process.cpuUsage();
  writeFileSync(process.env.CPU_FILE, String((user + system) / 1000));
});`)}`;

let runs = 0;

class Running {
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

  /** All of it, as the process itself told. */
  whole(): number {
    return Number(readFileSync(join(this.cwd, "cpu"), "utf8"));
  }
}

/** What a command needs to start, load the embedded model and tell what is in it. */
let start = 0;
beforeAll(async () => {
  if (skip) return;
  const info = new Running(["info", "--weights", "codes"]);
  expect(await info.ended, info.stderr).toBe(0);
  start = info.whole();
}, LIMIT_MS);

/** Signals at three moments. The first is shortly after the start. */
async function littleIsDoneAfterwards(argv: readonly string[], atMs: readonly number[]): Promise<void> {
  const codes: (number | null)[] = [];
  for (const [i, at] of atMs.entries()) {
    const signal = (["SIGINT", "SIGTERM", "SIGHUP"] as const)[i % 3];
    const run = new Running(argv);
    await run.reaches(start + at);
    const before = run.cpuMs() ?? 0;
    run.child.kill(signal);
    const code = await run.ended;
    codes.push(code);
    expect([CODES[signal], 0], `${signal} at ${at} ms: ${run.stderr}`).toContain(code);
    expect(run.stderr).not.toMatch(/internal error/);
    if (code === 0) continue;
    expect(run.whole() - before, `${argv.join(" ")}, ${signal} at ${at} ms`).toBeLessThan(2 * start);
    const left = readdirSync(run.cwd, { recursive: true }).map(String);
    expect(left.filter((name) => name.endsWith(".part"))).toEqual([]);
  }
  expect(codes.some((code) => code !== 0)).toBe(true);
}

/** 8192 × 4096 pixels of 64 bits, Paeth-filtered: seconds of decoding, and many more of encoding. */
function hugePng(): string {
  const [width, height] = [8192, 4096];
  const row = Buffer.alloc(width * 8 + 1);
  row.set([4, 1]);
  const raw = Buffer.alloc(row.length * height);
  for (let y = 0; y < height; y++) row.copy(raw, y * row.length);
  const chunk = (type: string, data: Buffer): Buffer => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    sum.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, sum]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width);
  header.writeUInt32BE(height, 4);
  header.set([16, 6], 8);
  const parts = [chunk("IHDR", header), chunk("IDAT", deflateSync(raw, { level: 1 })), chunk("IEND", Buffer.alloc(0))];
  const path = join(folder, "huge.png");
  writeFileSync(path, Buffer.concat([Buffer.from("89504e470d0a1a0a", "hex"), ...parts]));
  return path;
}

function data(count: number): string {
  const images = join(folder, `data${count}`, "images");
  mkdirSync(images, { recursive: true });
  for (let i = 0; i < count; i++) copyFileSync(EXAMPLE, join(images, `${i}.png`));
  return join(folder, `data${count}`);
}

const WASM = ["--backend", "wasm", "--threads", "1"] as const;
const LARGE = ["--weights", "random:yolov5m"] as const;

describe.skipIf(skip)("after a signal little is done", { timeout: 10 * LIMIT_MS }, () => {
  const folderOfData = data(2);

  test("detect: a large model", () =>
    littleIsDoneAfterwards(
      ["detect", ...LARGE, "--source", EXAMPLE, ...WASM, "--imgsz", "960", "--json", "o.json"],
      [0, 1500, 4000],
    ));

  test("detect: a large picture, decoded and encoded", () =>
    littleIsDoneAfterwards(["detect", "--source", hugePng(), ...WASM, "--imgsz", "64"], [0, 700, 4000]));

  test("val", () =>
    littleIsDoneAfterwards(["val", ...LARGE, "--data", folderOfData, ...WASM, "--imgsz", "960"], [0, 1500, 4000]));

  test("val: curves and mosaics of what was done", () =>
    littleIsDoneAfterwards(["val", "--data", data(100), ...WASM, "--imgsz", "256", "--save-json"], [500, 1000, 2000]));

  test("bench", () => littleIsDoneAfterwards(["bench", ...LARGE, ...WASM], [0, 1500, 4000]));

  test("verify on the reference", () =>
    littleIsDoneAfterwards(
      ["verify", "--weights", "codes", "--reference", fixture("codes.layers.safetensors"), "--backend", "cpu"],
      [-100, 0, 300],
    ));

  test("info", () => littleIsDoneAfterwards(["info", "--weights", "random:yolov5x"], [-100, 300, 800]));

  test("export", () =>
    littleIsDoneAfterwards(
      ["export", "--weights", "random:yolov5x", "--half", "--output", "x.safetensors"],
      [0, 1200, 2000],
    ));

  test("compress", () =>
    littleIsDoneAfterwards(
      [
        ...["compress", ...LARGE, "--data", folderOfData, ...WASM, "--imgsz", "64", "--iterations", "1"],
        ...["--criterion", "l1", "--prune", "0.1", "--unstructured", "0.5", "--calibration-images", "2"],
      ],
      [0, 1000, 2000, 3500, 6000],
    ));
});

describe.skipIf(skip || ffmpegMissing())("a signal during a live stream", { timeout: LIMIT_MS }, () => {
  // A camera: one JPEG after the other, until nobody listens.
  const server = createServer((_, response) => {
    response.writeHead(200, { "content-type": "multipart/x-mixed-replace; boundary=ffmpeg" });
    const input = ["-re", "-f", "lavfi", "-i", "testsrc2=size=64x48:rate=20"];
    const camera = spawn("ffmpeg", ["-loglevel", "error", ...input, "-f", "mpjpeg", "-"]);
    camera.stdout.pipe(response);
    response.on("close", () => camera.kill("SIGKILL"));
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  test("its frames so far are a video that plays", async () => {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/video`;
    const run = new Running(["detect", "--source", address, "--backend", "cpu", "--imgsz", "64", "--json", "o.json"]);
    // A line for every frame.
    await expect.poll(() => run.stdout.match(/^video /gm)?.length ?? 0, { timeout: LIMIT_MS }).toBeGreaterThan(3);
    const before = run.cpuMs() ?? 0;
    run.child.kill("SIGINT");
    expect(await run.ended, run.stderr).toBe(130);
    const done = Number(/^interrupted after (\d+) frames/m.exec(run.stderr)?.[1]);
    expect(done).toBeGreaterThan(3);
    const { images } = JSON.parse(readFileSync(join(run.cwd, "o.json"), "utf8")) as { images: unknown[] };
    expect(images).toHaveLength(done);
    const written = readdirSync(run.cwd, { recursive: true }).map(String);
    const [video, ...others] = written.filter((name) => /\.(mp4|part)$/.test(name));
    expect(others).toEqual([]);
    expect(probe(join(run.cwd, video)).frames).toBeGreaterThan(0);
    expect(run.whole() - before).toBeLessThan(2 * start);
  });
});

describe.skipIf(skip)("a signal while nobody reads", { timeout: LIMIT_MS }, () => {
  test("a FIFO without a reader is waited for no longer", async () => {
    const fifo = join(folder, "nobody");
    execFileSync("mkfifo", [fifo]);
    const run = new Running(["info", "--weights", "codes", "--json", fifo]);
    // The facts come before the JSON.
    await expect.poll(() => run.stdout, { timeout: LIMIT_MS }).toMatch(/parameters/);
    const since = performance.now();
    run.child.kill("SIGINT");
    expect(await run.ended).toBe(1);
    // It would wait ten seconds.
    expect(performance.now() - since).toBeLessThan(9000);
    expect(run.stderr).toMatch(/^error: [^\n]*nobody: cannot be written: it has no reader; start its reader first\n$/);
  });

  test("the second signal ends it at once, whatever is being written", async () => {
    const fifo = join(folder, "asleep");
    execFileSync("mkfifo", [fifo]);
    // Opened for reading, and never read: more than a pipe holds cannot be written.
    const reader = openSync(fifo, constants.O_RDWR);
    const run = new Running([
      "detect",
      "--source",
      EXAMPLE,
      "--conf-thres",
      "0",
      "--iou-thres",
      "1",
      ...WASM,
      "--nosave",
      "--json",
      fifo,
    ]);
    // The table comes before the JSON.
    await expect.poll(() => run.stdout, { timeout: LIMIT_MS }).toMatch(/aruco/);
    run.child.kill("SIGTERM");
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(run.child.exitCode).toBeNull();
    run.child.kill("SIGINT");
    expect(await run.ended).toBe(130);
    closeSync(reader);
  });
});

describe.skipIf(skip)("a signal during a download", { timeout: 10 * LIMIT_MS }, () => {
  // Sends a part of what it promises, and then nothing more.
  const server = createServer((_, response) => {
    response.writeHead(200, { "content-type": "application/octet-stream", "content-length": 1e6 });
    response.write(Buffer.alloc(1000));
    server.emit("asked");
  });
  let address = "";
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  test.each<readonly [string, Signal, (url: string) => readonly string[]]>([
    ["detect", "SIGINT", (url) => ["detect", "--weights", `${url}/w.pt`, "--source", EXAMPLE]],
    ["detect, a picture", "SIGTERM", (url) => ["detect", "--source", `${url}/a.jpg`, "--backend", "cpu", "--nosave"]],
    ["val", "SIGHUP", (url) => ["val", "--weights", `${url}/w.pt`, "--data", folder]],
    ["info, a released name", "SIGINT", () => ["info", "--weights", "yolov5n"]],
    ["export", "SIGTERM", (url) => ["export", "--weights", `${url}/w.pt`]],
    ["bench", "SIGHUP", (url) => ["bench", "--weights", `${url}/w.pt`]],
    ["compress", "SIGINT", (url) => ["compress", "--weights", `${url}/w.pt`, "--data", folder]],
    [
      "verify",
      "SIGTERM",
      (url) => ["verify", "--weights", `${url}/w.pt`, "--reference", fixture("codes.layers.safetensors")],
    ],
  ])("%s", async (_, signal, argv) => {
    const asked = new Promise<void>((resolve) => server.once("asked", resolve));
    const run = new Running(argv(address), { YOLOV5_CACHE: join(folder, "cache"), YOLOV5_RELEASE_URL: address });
    await asked;
    const before = run.cpuMs() ?? 0;
    run.child.kill(signal);
    expect(await run.ended, run.stderr).toBe(CODES[signal]);
    expect(run.stderr).toMatch(/^interrupted/m);
    expect(run.stderr).not.toMatch(/error/);
    expect(run.whole() - before).toBeLessThan(2 * start);
    expect(existsSync(join(folder, "cache", "yolov5n.pt"))).toBe(false);
  });
});
