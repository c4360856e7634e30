/** Signals during a live stream, a download, and while nobody reads. */

import { execFileSync, spawn } from "node:child_process";
import { closeSync, constants, existsSync, openSync, readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ffmpegMissing, probe } from "../../support/video.js";
import { EXAMPLE, fixture } from "../support.js";
import { CODES, folder, LIMIT_MS, measureStart, Running, type Signal, skip } from "./running.js";

const start = measureStart();
const WASM = ["--backend", "wasm", "--threads", "1"] as const;

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
    expect(run.whole() - before).toBeLessThan(2 * start());
  });
});

describe.skipIf(skip)("a signal while a pipe has no reader", { timeout: LIMIT_MS }, () => {
  test("stops waiting for a FIFO without a reader", async () => {
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

  test("the second signal ends the run at once, whatever is being written", async () => {
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
    expect(run.whole() - before).toBeLessThan(2 * start());
    expect(existsSync(join(folder, "cache", "yolov5n.pt"))).toBe(false);
  });
});
