/** Streams that go away and come back; videos in segments; files at their own pace. */

import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { VideoFrame } from "../../../src/node/video/frameSource.js";
import { videoInput } from "../../../src/node/video/input.js";
import { probeVideo } from "../../../src/node/video/probe.js";
import { atTheirTime, readReconnecting } from "../../../src/node/video/reconnect.js";
import { SegmentWriter } from "../../../src/node/video/segments.js";
import { ffmpeg, ffmpegMissing, probe } from "../../support/video.js";

describe.skipIf(ffmpegMissing())("with ffmpeg", () => {
  let folder = "";
  let server: Server;
  /** The camera is on. */
  let on = true;
  let port = 0;
  let jpegs: Buffer[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "yolov5-live-"));
    ffmpeg(["-f", "lavfi", "-i", "testsrc=size=64x48:rate=10", "-frames:v", "5", join(folder, "%d.jpg")]);
    jpegs = await Promise.all([1, 2, 3, 4, 5].map((n) => readFile(join(folder, `${n}.jpg`))));
    server = createServer((_, response) => {
      if (!on) return void response.socket?.destroy();
      response.writeHead(200, { "Content-Type": "multipart/x-mixed-replace; boundary=frame" });
      for (const jpeg of jpegs) {
        response.write(`--frame\r\nContent-Type: image/jpeg\r\nContent-Length: ${jpeg.length}\r\n\r\n`);
        response.write(jpeg);
        response.write("\r\n");
      }
      response.end("--frame--\r\n");
    });
    await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
    port = (server.address() as AddressInfo).port;
  });
  afterAll(async () => {
    server.close();
    await rm(folder, { recursive: true, force: true });
  });

  test("a stream that ends and returns: frame numbers continue, and waits double and then start over", async () => {
    const input = videoInput(`http://127.0.0.1:${port}/mjpg/video.cgi`);
    const info = await probeVideo(input);
    expect(info.live).toBe(true);
    const stop = new AbortController();
    const waits: { why: string; seconds: number }[] = [];
    const onWait = (why: string, seconds: number): void => {
      waits.push({ why, seconds });
      // Gone after the first end, for two attempts.
      on = waits.length > 2;
    };
    const frames: VideoFrame[] = [];
    let connections = 0;
    for await (const frame of readReconnecting(input, info, { signal: stop.signal, onWait, backOff: [0.02, 0.05] })) {
      const last = frames.at(-1);
      expect(frame.frame).toBeGreaterThan(last?.frame ?? 0);
      expect(frame.time).toBeGreaterThanOrEqual(last?.time ?? 0);
      expect([frame.width, frame.height]).toEqual([64, 48]);
      frames.push(frame);
      if (connections < waits.length) connections = waits.length;
      if (waits.length >= 4) stop.abort();
    }
    expect(waits.slice(0, 4).map(({ seconds }) => seconds)).toEqual([0.02, 0.04, 0.05, 0.02]);
    expect(waits[0].why).toBe("it ended");
    expect(waits[1].why).toMatch(/127\.0\.0\.1/);
  });

  test("segments are complete, and together have every frame", async () => {
    const writer = new SegmentWriter(join(folder, "rec", "cam.mp4"), 1, { width: 64, height: 48, rate: "10" });
    for (let n = 0; n < 25; n++)
      await writer.write({ width: 64, height: 48, data: new Uint8Array(64 * 48 * 3).fill(n * 10) });
    await writer.finish();
    const files = (await readdir(join(folder, "rec"))).toSorted();
    expect(files).toEqual(["cam_001.mp4", "cam_002.mp4", "cam_003.mp4"]);
    expect(files.map((file) => probe(join(folder, "rec", file)).frames)).toEqual([10, 10, 5]);
    expect(writer.path).toBe(join(folder, "rec", "cam_003.mp4"));
    const empty = new SegmentWriter(join(folder, "empty", "cam.mp4"), 1, { width: 64, height: 48, rate: "10" });
    await empty.finish();
    await expect(readdir(join(folder, "empty"))).rejects.toThrow(/ENOENT/);
  });
});

test("files play no faster than they were recorded", async () => {
  const frames = [0, 0.05, 0.1].map(
    (time, i): VideoFrame => ({ time, frame: i + 1, width: 1, height: 1, channels: "rgb", data: new Uint8Array(3) }),
  );
  const started = performance.now();
  const at: number[] = [];
  async function* source() {
    yield* frames;
  }
  for await (const frame of atTheirTime(source(), undefined))
    at.push((performance.now() - started) / 1000 - frame.time);
  // Timers may be a little early, never much.
  expect(Math.min(...at)).toBeGreaterThan(-0.005);
});
