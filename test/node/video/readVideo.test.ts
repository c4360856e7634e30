/** `readVideo`: every frame, times, strides, damage, streams. */

import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { probeVideo, readVideo, type VideoFrame } from "../../../src/node.js";
import { ffmpeg, ffmpegMissing } from "../../support/video.js";

const [WIDTH, HEIGHT, FRAMES] = [32, 24, 13];
/** Frame n is of the grey 20 n, with a red pixel that moves along the top row. */
const pixels = (n: number): Uint8Array => {
  const data = new Uint8Array(WIDTH * HEIGHT * 3).fill(20 * n);
  data.set([255, 0, 0], n * 3);
  return data;
};

describe.skipIf(ffmpegMissing())("with ffmpeg", () => {
  let folder = "";
  const path = (name: string): string => join(folder, name);
  const collect = async (source: string, options = {}): Promise<VideoFrame[]> => {
    const frames: VideoFrame[] = [];
    for await (const frame of readVideo(source, options)) frames.push(frame);
    return frames;
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "yolov5-video-"));
    const raw = Buffer.concat(Array.from({ length: FRAMES }, (_, n) => pixels(n)));
    const input = [
      "-f",
      "rawvideo",
      "-pix_fmt",
      "rgb24",
      "-video_size",
      `${WIDTH}x${HEIGHT}`,
      "-framerate",
      "10",
      "-i",
      "-",
    ];
    // FFV1 in RGB keeps every bit.
    ffmpeg([...input, "-c:v", "ffv1", "-pix_fmt", "bgr0", path("exact.mkv")], raw);
    ffmpeg([
      "-f",
      "lavfi",
      "-i",
      "testsrc2=size=64x48:rate=10:duration=6",
      "-c:v",
      "mpeg4",
      "-movflags",
      "+faststart",
      path("clip.mp4"),
    ]);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test("yields every frame bit for bit, with number and time", async () => {
    expect(await probeVideo(path("exact.mkv"))).toMatchObject({
      width: WIDTH,
      height: HEIGHT,
      fps: 10,
      frames: FRAMES,
      codec: "ffv1",
    });
    const frames = await collect(path("exact.mkv"));
    expect(frames).toHaveLength(FRAMES);
    for (const [n, { data, width, height, channels, frame, time }] of frames.entries()) {
      expect([width, height, channels, frame]).toEqual([WIDTH, HEIGHT, "rgb", n + 1]);
      expect(time).toBeCloseTo(n / 10, 3);
      expect(Buffer.compare(data, pixels(n))).toBe(0);
    }
  });

  test("takes every n-th frame with a stride and drops the remainder", async () => {
    const frames = await collect(path("exact.mkv"), { stride: 3 });
    expect(frames.map(({ data }) => data[WIDTH * 3] / 20)).toEqual([2, 5, 8, 11]);
    expect(frames.map(({ frame }) => frame)).toEqual([1, 2, 3, 4]);
    expect(frames.map(({ time }) => Math.round(time * 10))).toEqual([2, 5, 8, 11]);
    await expect(collect(path("exact.mkv"), { stride: 0 })).rejects.toThrow(
      "stride must be a whole number of at least 1",
    );
    await expect(collect(path("exact.mkv"), { stride: 20 })).rejects.toThrow(/no frames could be read: .*stride of 20/);
  });

  test("keeps the video's own times, even if they vary", async () => {
    ffmpeg(["-i", path("exact.mkv"), "-vf", "setpts=N*N*0.1/TB", "-frames:v", "5", "-c:v", "ffv1", path("uneven.mkv")]);
    const times = (await collect(path("uneven.mkv"))).map(({ time }) => time);
    for (const [n, time] of times.entries()) expect(time).toBeCloseTo(n * n * 0.1, 2);
    expect(times).toHaveLength(5);
  });

  test("turns a video upright if its metadata say so", async () => {
    const source = path("clip.mp4");
    try {
      ffmpeg(["-display_rotation", "90", "-i", source, "-c", "copy", path("turned.mp4")]);
    } catch {
      // Before ffmpeg 6.
      ffmpeg(["-i", source, "-c", "copy", "-metadata:s:v", "rotate=90", path("turned.mp4")]);
    }
    expect(await probeVideo(path("turned.mp4"))).toMatchObject({ width: 48, height: 64 });
    const [straight] = await collect(source);
    const [turned] = await collect(path("turned.mp4"));
    expect([turned.width, turned.height]).toEqual([48, 64]);
    // Turned counter-clockwise by 90°: (x, y) goes to (y, 63 − x); chroma is interpolated elsewhere, so nearly.
    let difference = 0;
    for (let y = 0; y < 48; y++) {
      for (let x = 0; x < 64; x++) {
        difference += Math.abs(straight.data[(y * 64 + x) * 3 + 1] - turned.data[((63 - x) * 48 + y) * 3 + 1]);
      }
    }
    expect(difference / (48 * 64)).toBeLessThan(6);
  });

  test("can be passed to `model.stream`, which keeps number and time", async () => {
    const { load } = await import("../../../src/node.js");
    const model = await load("codes", { backend: "cpu" });
    try {
      const seen: unknown[] = [];
      for await (const { frame, time, width } of model.stream(readVideo(path("exact.mkv"), { stride: 6 }), {
        imgsz: 32,
      })) {
        seen.push([frame, Math.round((time ?? 0) * 10), width]);
      }
      expect(seen).toEqual([
        [1, 5, WIDTH],
        [2, 11, WIDTH],
      ]);
    } finally {
      model.dispose();
    }
  });

  test("yields the frames of a truncated video, then an error that says where it ends", async () => {
    const bytes = await readFile(path("clip.mp4"));
    await writeFile(path("short.mp4"), bytes.subarray(0, Math.floor(bytes.length * 0.6)));
    const frames: VideoFrame[] = [];
    const reading = (async () => {
      for await (const frame of readVideo(path("short.mp4"))) frames.push(frame);
    })();
    await expect(reading).rejects.toThrow(/short\.mp4: is damaged after \d+ of 60 frames: /);
    expect(frames.length).toBeGreaterThan(20);
    expect(frames.length).toBeLessThan(60);
    // A container that does not count its frames.
    ffmpeg(["-i", path("clip.mp4"), "-c", "copy", path("whole.mkv")]);
    const whole = await readFile(path("whole.mkv"));
    await writeFile(path("short.mkv"), whole.subarray(0, Math.floor(whole.length * 0.6)));
    await expect(
      (async () => {
        for await (const _ of readVideo(path("short.mkv")));
      })(),
    ).rejects.toThrow(/short\.mkv: is damaged after \d+ of \d+ frames: .*prematurely/);
    // Its index comes last, so nothing can be read without it.
    ffmpeg(["-i", path("clip.mp4"), "-c", "copy", path("late.mp4")]);
    await writeFile(path("head.mp4"), (await readFile(path("late.mp4"))).subarray(0, 5000));
    await expect(collect(path("head.mp4"))).rejects.toThrow(
      /head\.mp4: is not a video that ffmpeg can read: .*moov atom/,
    );
  });

  test("refuses text, sound and empty files", async () => {
    await writeFile(path("text.mp4"), "hello");
    await expect(collect(path("text.mp4"))).rejects.toThrow(/^\S+text\.mp4: is a text file, not a video/);
    ffmpeg(["-f", "lavfi", "-i", "sine=duration=0.1", "-c:a", "aac", path("sound.mp4")]);
    await expect(collect(path("sound.mp4"))).rejects.toThrow(
      "sound.mp4: is not a video that ffmpeg can read: it has no pictures",
    );
    await expect(collect(path("none.mp4"))).rejects.toThrow(/none\.mp4: is not a video .*No such file/);
  });

  test("keeps only a few frames in memory for slow readers, and leaving early ends ffmpeg", async () => {
    // 400 frames of 0.9 MB.
    ffmpeg(["-f", "lavfi", "-i", "color=size=640x480:rate=100:duration=4", "-c:v", "mpeg4", path("long.mp4")]);
    const before = process.memoryUsage().arrayBuffers;
    let most = 0;
    let count = 0;
    for await (const { frame } of readVideo(path("long.mp4"))) {
      if (frame % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 10));
      most = Math.max(most, process.memoryUsage().arrayBuffers - before);
      count = frame;
    }
    expect(count).toBe(400);
    expect(most).toBeLessThan(150e6);
    for await (const { frame } of readVideo(path("long.mp4"))) if (frame === 2) break;
    const stop = new AbortController();
    let last = 0;
    for await (const { frame } of readVideo(path("long.mp4"), { signal: stop.signal })) {
      last = frame;
      if (frame === 5) stop.abort();
    }
    expect(last).toBeLessThan(8);
    // Given up before it began: no frame, and no error either.
    const reason = new Error("enough");
    const signal = AbortSignal.abort(reason);
    for await (const { frame } of readVideo(path("long.mp4"), { signal })) expect(frame).toBe("none");
    await expect(probeVideo(path("long.mp4"), { signal })).rejects.toBe(reason);
  });

  test("yields the newest frame of a live stream and drops the others", async () => {
    const server = createServer((_, answer) => {
      answer.writeHead(200, { "content-type": "multipart/x-mixed-replace;boundary=ffmpeg" });
      const source = "testsrc2=size=64x48:rate=50";
      const child = spawn("ffmpeg", ["-loglevel", "error", "-re", "-f", "lavfi", "-i", source, "-f", "mpjpeg", "-"]);
      child.stdout.pipe(answer);
      answer.on("close", () => child.kill("SIGKILL"));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      const numbers: number[] = [];
      for await (const { frame } of readVideo(`http://127.0.0.1:${(server.address() as AddressInfo).port}/camera`)) {
        numbers.push(frame);
        if (numbers.length === 4) break;
        await new Promise((resolve) => setTimeout(resolve, 250));
      }
      for (const [i, frame] of numbers.slice(1).entries()) expect(frame - numbers[i]).toBeGreaterThan(4);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});
