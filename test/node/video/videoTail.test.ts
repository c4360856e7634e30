/** Every frame of a video arrives, however slowly it is taken; fewer than it declares are reported. */

import { readFile } from "node:fs/promises";
import type { RequestListener } from "node:http";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { readVideo } from "../../../src/node.js";
import { scratchFolder } from "../../cli/support.js";
import { ffmpeg, ffmpegMissing, probe } from "../../support/video.js";
import { withServer } from "../server.js";

const folder = await scratchFolder();
const path = (name: string): string => join(folder, name);
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe.skipIf(ffmpegMissing())("the last frames of a video", () => {
  beforeAll(() => {
    const source = (size: string, seconds: number): string[] => [
      ...["-f", "lavfi", "-i", `testsrc2=size=${size}:rate=10:duration=${seconds}`],
    ];
    // A few frames of the smallest fit into the pipe: ffmpeg is gone long before they are read.
    ffmpeg([...source("64x48", 1), "-c:v", "mpeg4", path("tiny.mp4")]);
    ffmpeg([...source("160x120", 3), "-c:v", "mpeg4", path("small.mp4")]);
    ffmpeg([...source("320x240", 1), "-c:v", "ffv1", path("wide.mkv")]);
    ffmpeg([...source("64x48", 1), path("moving.gif")]);
    ffmpeg(["-ss", "0.5", "-i", path("small.mp4"), "-c", "copy", path("cut.mp4")]);
  });

  test.each([
    ["tiny.mp4", 1, 10],
    ["tiny.mp4", 3, 3],
    ["small.mp4", 1, 30],
    ["wide.mkv", 1, 10],
    ["moving.gif", 1, 10],
    ["moving.gif", 2, 5],
  ])("%s with a stride of %i: a reader that does other things in between gets all %i", async (name, stride, frames) => {
    const seen: number[] = [];
    const times: number[] = [];
    const warnings: string[] = [];
    for await (const { frame, time } of readVideo(path(name), { stride, onWarning: (text) => warnings.push(text) })) {
      seen.push(frame);
      times.push(Math.round(time * 10));
      await wait(30);
    }
    expect(seen).toEqual(Array.from({ length: frames }, (_, n) => n + 1));
    expect(times).toEqual(seen.map((n) => n * stride - 1));
    expect(warnings).toEqual([]);
  });

  test("a reader that continues long after ffmpeg has ended gets them", async () => {
    let frames = 0;
    for await (const _ of readVideo(path("tiny.mp4"))) if (++frames === 1) await wait(700);
    expect(frames).toBe(10);
  });

  test("fewer frames than the file claims are reported, even without damage", async () => {
    const warnings: string[] = [];
    let frames = 0;
    for await (const _ of readVideo(path("cut.mp4"), { onWarning: (text) => warnings.push(text) })) frames++;
    expect(frames).toBe(probe(path("cut.mp4")).frames);
    expect(frames).toBeLessThan(30);
    expect(warnings).toEqual([expect.stringMatching(/cut\.mp4: claims to have \d+ frames, but ffmpeg decodes \d+$/)]);
  });

  test("of a stream that ends, the last frame arrives and dropped frames are reported", async () => {
    ffmpeg([...["-f", "lavfi", "-i", "testsrc2=size=64x48:rate=10:duration=1"], "-f", "mpegts", path("ended.ts")]);
    const stream = await readFile(path("ended.ts"));
    // Without a length it may have no end.
    const answer: RequestListener = (_, response) => void response.writeHead(200).end(stream);
    await withServer(answer, async (url) => {
      const seen: number[] = [];
      const warnings: string[] = [];
      for await (const { frame } of readVideo(`${url}/stream`, { onWarning: (text) => warnings.push(text) })) {
        seen.push(frame);
        await wait(400);
      }
      expect(seen.at(-1)).toBe(10);
      const dropped = 10 - seen.length;
      expect(warnings.filter((text) => text.includes(": ended, and "))).toEqual(
        dropped === 0
          ? []
          : [expect.stringMatching(new RegExp(`${dropped} frames? (was|were) dropped.*download it first`))],
      );
    });
  });
});
