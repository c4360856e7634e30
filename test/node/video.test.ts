/** Videos through the system's ffmpeg: every frame as it is, in bounded memory; files that play; plain errors. */

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { VideoError } from "../../src/errors.js";
import { isAnimatedGif, isCamera, videoInput } from "../../src/node/video/input.js";
import { probeVideo, readVideo, type VideoFrame, VideoWriter } from "../../src/node.js";
import { ffmpeg, ffmpegMissing, probe } from "../support/video.js";

const [WIDTH, HEIGHT, FRAMES] = [32, 24, 13];
/** Frame n is of the grey 20 n, with a red pixel that moves along the top row. */
const pixels = (n: number): Uint8Array => {
  const data = new Uint8Array(WIDTH * HEIGHT * 3).fill(20 * n);
  data.set([255, 0, 0], n * 3);
  return data;
};

describe("how ffmpeg is told to open a source", () => {
  test("files by their name, whatever it looks like; passwords are not repeated", () => {
    const { args } = videoInput("-odd:name.mp4");
    expect(args.slice(0, 2)).toEqual(["-protocol_whitelist", "file,crypto,data"]);
    expect(args.slice(-2)).toEqual(["-i", "file:-odd:name.mp4"]);
    const camera = videoInput("rtsp://me:secret@host/1");
    expect(camera).toMatchObject({ source: "rtsp://me:***@host/1", live: true });
    expect(camera.args.slice(0, 2)).toEqual(["-rtsp_transport", "tcp"]);
    expect(camera.args.slice(-2)).toEqual(["-i", "rtsp://me:secret@host/1"]);
    // What a server sends must not name files of this machine.
    expect(camera.args[camera.args.indexOf("-protocol_whitelist") + 1].split(",")).not.toContain("file");
    expect(videoInput("https://host/clip.mp4?x").live).toBeUndefined();
  });

  test("cameras, as each system names them", () => {
    expect(videoInput("0", "linux").args).toEqual(["-f", "v4l2", "-i", "/dev/video0"]);
    expect(videoInput("/dev/video2", "linux").args.at(-1)).toBe("/dev/video2");
    expect(videoInput("1", "darwin").args.at(-1)).toBe("1:none");
    expect(videoInput("video=Front", "win32").args).toEqual(["-f", "dshow", "-i", "video=Front"]);
    expect(() => videoInput("0", "win32")).toThrow(/0: cameras are not numbered on win32; give its name/);
    expect(isCamera("1234")).toBe(false);
  });

  test("GIFs cut short are still ones", () => {
    const bytes = Uint8Array.from([...Buffer.from("GIF89a"), 1, 0, 1, 0, 0, 0, 0, 0x2c, 0, 0]);
    for (let end = 0; end <= bytes.length; end++) expect(isAnimatedGif(bytes.subarray(0, end))).toBe(false);
  });
});

describe("without ffmpeg", () => {
  afterEach(() => void vi.unstubAllEnvs());

  test.each(["FFPROBE_PATH", "FFMPEG_PATH"])(
    "%s names nothing: what is missing, and how it is installed",
    async (name) => {
      vi.stubEnv("FFPROBE_PATH", process.execPath.replace(/[^/\\]+$/, "no-such-ffprobe"));
      vi.stubEnv("FFMPEG_PATH", process.execPath.replace(/[^/\\]+$/, "no-such-ffmpeg"));
      const attempt =
        name === "FFPROBE_PATH"
          ? probeVideo("clip.mp4")
          : VideoWriter.open("clip.mp4", { width: 2, height: 2, rate: "1" });
      const error: unknown = await attempt.catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(VideoError);
      const { message } = error as VideoError;
      expect(message).toMatch(
        /^clip\.mp4: videos need ffmpeg: \S+no-such-ff\w+ was not found; install ffmpeg \(apt install/,
      );
      expect(message).toContain(`or set ${name}`);
    },
  );
});

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

  test("every frame, bit for bit, numbered and timed", async () => {
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

  test("a stride takes every n-th frame and drops the remainder", async () => {
    const frames = await collect(path("exact.mkv"), { stride: 3 });
    expect(frames.map(({ data }) => data[WIDTH * 3] / 20)).toEqual([2, 5, 8, 11]);
    expect(frames.map(({ frame }) => frame)).toEqual([1, 2, 3, 4]);
    expect(frames.map(({ time }) => Math.round(time * 10))).toEqual([2, 5, 8, 11]);
    await expect(collect(path("exact.mkv"), { stride: 0 })).rejects.toThrow(
      "stride must be a whole number of at least 1",
    );
    await expect(collect(path("exact.mkv"), { stride: 20 })).rejects.toThrow(/no frames could be read: .*stride of 20/);
  });

  test("uneven times are the video's own", async () => {
    ffmpeg(["-i", path("exact.mkv"), "-vf", "setpts=N*N*0.1/TB", "-frames:v", "5", "-c:v", "ffv1", path("uneven.mkv")]);
    const times = (await collect(path("uneven.mkv"))).map(({ time }) => time);
    for (const [n, time] of times.entries()) expect(time).toBeCloseTo(n * n * 0.1, 2);
    expect(times).toHaveLength(5);
  });

  test("a video that says it lies on its side is turned upright", async () => {
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

  test("goes into a model as it is: `model.stream` keeps number and time", async () => {
    const { load } = await import("../../src/node.js");
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

  test("broken off: the frames there are, then an error that says where", async () => {
    const bytes = await readFile(path("clip.mp4"));
    await writeFile(path("short.mp4"), bytes.subarray(0, Math.floor(bytes.length * 0.6)));
    const frames: VideoFrame[] = [];
    const reading = (async () => {
      for await (const frame of readVideo(path("short.mp4"))) frames.push(frame);
    })();
    await expect(reading).rejects.toThrow(/short\.mp4: is damaged after \d+ of 60 frames: /);
    expect(frames.length).toBeGreaterThan(20);
    expect(frames.length).toBeLessThan(60);
    // Its index comes last, so nothing can be read without it.
    ffmpeg(["-i", path("clip.mp4"), "-c", "copy", path("late.mp4")]);
    await writeFile(path("head.mp4"), (await readFile(path("late.mp4"))).subarray(0, 5000));
    await expect(collect(path("head.mp4"))).rejects.toThrow(
      /head\.mp4: is not a video that ffmpeg can read: .*moov atom/,
    );
  });

  test("no video: a text, sound only, nothing", async () => {
    await writeFile(path("text.mp4"), "hello");
    await expect(collect(path("text.mp4"))).rejects.toThrow(/^\S+text\.mp4: is a text file, not a video/);
    ffmpeg(["-f", "lavfi", "-i", "sine=duration=0.1", "-c:a", "aac", path("sound.mp4")]);
    await expect(collect(path("sound.mp4"))).rejects.toThrow(
      "sound.mp4: is not a video that ffmpeg can read: it has no pictures",
    );
    await expect(collect(path("none.mp4"))).rejects.toThrow(/none\.mp4: is not a video .*No such file/);
  });

  test("memory stays at a few frames however slow the reader; leaving early ends ffmpeg", async () => {
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

  test("a live stream gives the newest frame and drops the others", async () => {
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

  describe("writing", () => {
    const frame = (level: number) => ({ width: 33, height: 21, data: new Uint8Array(33 * 21 * 3).fill(level) });

    test("odd sizes, the rate, every frame; the name appears when the file is whole", async () => {
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

    test("no frames, or given up: no file; a frame of another size and a folder that is none: told", async () => {
      const options = { width: 33, height: 21, rate: "10" };
      await (await VideoWriter.open(path("empty/out.mp4"), options)).finish();
      const given = await VideoWriter.open(path("empty/given.mp4"), options);
      await given.write(frame(1));
      await expect(given.write({ ...frame(1), width: 21 })).rejects.toThrow(/a frame is 21×21, the video 33×21/);
      await given.abort();
      expect(await readdir(path("empty"))).toEqual([]);
      await expect(VideoWriter.open(path("clip.mp4/out.mp4"), options)).rejects.toThrow(/is a file, not a folder/);
    });

    test.skipIf(process.platform === "win32")(
      "a disk that is full at the end: no half a video is called whole",
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

    test("an encoder that dies is an error and leaves nothing", async () => {
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
