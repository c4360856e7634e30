/** `VideoWriter`: files that are complete or absent. */

import { existsSync } from "node:fs";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { videoInput } from "../../../src/node/video/input.js";
import { readVideo, type VideoFrame, VideoWriter } from "../../../src/node.js";
import { ffmpeg, ffmpegMissing, probe } from "../../support/video.js";

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
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  describe("writing", () => {
    const frame = (level: number) => ({ width: 33, height: 21, data: new Uint8Array(33 * 21 * 3).fill(level) });

    test("keeps odd sizes, the rate and every frame, and the name appears when the file is complete", async () => {
      const writer = await VideoWriter.open(path("new/out.mp4"), { width: 33, height: 21, rate: "30000/1001" });
      for (let n = 0; n < 10; n++) await writer.write(frame(n * 20));
      expect(existsSync(writer.path)).toBe(false);
      await Promise.all([writer.finish(), writer.finish()]);
      expect(await readdir(path("new"))).toEqual(["out.mp4"]);
      expect(probe(writer.path)).toMatchObject({ width: 34, height: 22, rate: "30000/1001", frames: 10 });
      expect(["h264", "mpeg4"]).toContain(probe(writer.path).codec);
      const levels = (await collect(writer.path)).map(({ data }) => data[0]);
      for (const [n, level] of levels.entries()) expect(Math.abs(level - n * 20)).toBeLessThan(6);
      // What comes after the end, as after Ctrl-C, is passed over.
      await writer.write(frame(0));
      expect(writer.frames).toBe(10);
    });

    test("finishing while a frame waits for the encoder, as on Ctrl-C, keeps that frame, also with sound", async () => {
      const [width, height] = [1920, 1080];
      const large = { width, height, data: new Uint8Array(width * height * 3) };
      ffmpeg([
        "-f",
        "lavfi",
        "-i",
        "testsrc2=size=64x48:rate=5:duration=1",
        "-f",
        "lavfi",
        "-i",
        "sine=duration=1",
        path("tone.mp4"),
      ]);
      const writer = await VideoWriter.open(path("waiting.mp4"), {
        width,
        height,
        rate: "5",
        sound: videoInput(path("tone.mp4")),
      });
      await writer.write(large);
      const waiting = writer.write(large);
      await Promise.all([waiting, writer.finish()]);
      expect(probe(writer.path).frames).toBe(2);
    });

    test("leaves no file without frames or when aborted, and reports frames of another size and missing folders", async () => {
      const options = { width: 33, height: 21, rate: "10" };
      await (await VideoWriter.open(path("empty/out.mp4"), options)).finish();
      const given = await VideoWriter.open(path("empty/given.mp4"), options);
      await given.write(frame(1));
      await expect(given.write({ ...frame(1), width: 21 })).rejects.toThrow(/a frame is 21×21, the video 33×21/);
      await given.abort();
      expect(await readdir(path("empty"))).toEqual([]);
      await writeFile(path("clip.mp4"), "");
      await expect(VideoWriter.open(path("clip.mp4/out.mp4"), options)).rejects.toThrow(/is a file, not a folder/);
    });

    test.skipIf(process.platform === "win32")(
      "leaves no partial video under its name if the disk is full at the end",
      async () => {
        // ffmpeg 5.1 ends with 0 there; this one does so wherever it runs.
        const fake = path("ffmpeg-full");
        const real = process.env.FFMPEG_PATH || "ffmpeg";
        const lines = [
          "#!/bin/sh",
          `case "$*" in *-encoders*) exec "${real}" "$@";; esac`,
          "cat > /dev/null",
          'for last; do :; done; echo half > "$(echo "$last" | sed s/^file://)"',
          'echo "Error writing trailer of $last: No space left on device" >&2',
        ];
        await writeFile(fake, lines.join("\n"), { mode: 0o755 });
        vi.stubEnv("FFMPEG_PATH", fake);
        try {
          const writer = await VideoWriter.open(path("full/out.mp4"), { width: 33, height: 21, rate: "10" });
          await writer.write(frame(1));
          await expect(writer.finish()).rejects.toThrow(
            /out\.mp4: cannot be written: no space left on the device; free/,
          );
        } finally {
          vi.unstubAllEnvs();
        }
        expect(await readdir(path("full"))).toEqual([]);
      },
    );

    test("reports an encoder that dies, and leaves nothing", async () => {
      const writer = await VideoWriter.open(path("dead/out.mp4"), { width: 33, height: 21, rate: "0" });
      const writing = (async () => {
        for (let n = 0; n < 500; n++) await writer.write(frame(n));
        await writer.finish();
      })();
      await expect(writing).rejects.toThrow(/out\.mp4: cannot be written: /);
      expect(await readdir(path("dead"))).toEqual([]);
    });
  });
});
