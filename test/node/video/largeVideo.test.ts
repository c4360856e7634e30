/** Frames of many pixels: few are in memory, and beyond a bound one line says so before anything is decoded. */

import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { VideoError } from "../../../src/errors.js";
import { probeVideo, readVideo, VideoWriter } from "../../../src/node.js";
import { cli, scratchFolder } from "../../cli/support.js";
import { ffmpeg, ffmpegMissing, probe } from "../../support/video.js";
import { rejection } from "../server.js";

const folder = await scratchFolder();
const path = (name: string): string => join(folder, name);
/** Beyond 4K, 35 MiB a frame. */
const [WIDTH, HEIGHT, FRAMES] = [4800, 2600, 6];

describe.skipIf(ffmpegMissing())("large frames", () => {
  beforeAll(() => {
    const color = (size: string): string[] => ["-f", "lavfi", "-i", `color=red:size=${size}:rate=5`, "-threads", "1"];
    ffmpeg([...color(`${WIDTH}x${HEIGHT}`), "-frames:v", `${FRAMES}`, "-c:v", "mjpeg", path("large.mkv")]);
    for (const [name, size] of [
      ["huge.mkv", "9000x4400"],
      // Beyond what decoders are let do.
      ["vast.mkv", "12000x6200"],
    ]) {
      ffmpeg([...color(size), "-frames:v", "1", "-c:v", "mjpeg", path(name)]);
    }
    ffmpeg([...color("64x48"), "-frames:v", "3", "-c:v", "mpeg4", path("small.mp4")]);
  });

  test("are all read, each only on demand", async () => {
    const before = process.memoryUsage().arrayBuffers;
    let count = 0;
    for await (const { data, frame } of readVideo(path("large.mkv"))) {
      if (frame === 1) {
        await new Promise((resolve) => setTimeout(resolve, 300));
        expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1.9 * WIDTH * HEIGHT * 3);
      }
      expect(data[0]).toBeGreaterThan(200);
      count = frame;
    }
    expect(count).toBe(FRAMES);
    const argv = ["detect", "--source", path("large.mkv"), "--project", path("runs"), "--batch-size", "4"];
    expect((await cli([...argv, "--backend", "wasm", "--threads", "1", "--imgsz", "64"])).code).toBe(0);
    expect(probe(path("runs/exp/large.mp4"))).toMatchObject({ width: WIDTH, height: HEIGHT, frames: FRAMES });
  });

  test.each([
    ["huge.mkv", 9000, 4400],
    ["vast.mkv", 12000, 6200],
  ])("%s: refused with its size, the limit and the way out", async (name, width, height) => {
    for (const attempt of [() => probeVideo(path(name)), () => readVideo(path(name)).next()]) {
      const error = await rejection(attempt());
      expect(error).toBeInstanceOf(VideoError);
      expect(error.message).toContain(
        `${name}: its frames of ${width}×${height} pixels exceed the limit of 16777216 pixels; make them smaller`,
      );
    }
    const error = await rejection(probeVideo(path(name)));
    expect(error.message).toMatch(
      new RegExp(`or raise the limit \\(--max-pixels, .maxPixels.\\) to ${width * height}$`),
    );
    expect(await probeVideo(path(name), { maxPixels: 8e7 })).toMatchObject({ width, height });
  });

  test("obey the caller's limit", async () => {
    expect((await rejection(readVideo(path("small.mp4"), { maxPixels: 3071 }).next())).message).toMatch(
      /frames of 64×48 pixels exceed the limit of 3071 pixels/,
    );
    expect((await readVideo(path("small.mp4"), { maxPixels: 3072 }).next()).value).toMatchObject({ frame: 1 });
  });

  test("with even sizes are written unchanged, odd sizes are made even", async () => {
    for (const [width, height] of [
      [32, 20],
      [33, 20],
    ]) {
      const writer = await VideoWriter.open(path(`${width}.mp4`), { width, height, rate: "5" });
      await writer.write({ width, height, data: new Uint8Array(width * height * 3) });
      await writer.finish();
      expect(probe(writer.path)).toMatchObject({ width: width + (width % 2), height, frames: 1 });
    }
  });
});
