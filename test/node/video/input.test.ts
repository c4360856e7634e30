/** How ffmpeg is told to open a source, and what happens without ffmpeg. */

import { afterEach, describe, expect, test, vi } from "vitest";
import { VideoError } from "../../../src/errors.js";
import { isAnimatedGif, isCamera, videoInput } from "../../../src/node/video/input.js";
import { probeVideo, VideoWriter } from "../../../src/node.js";
import { ffmpegMissing } from "../../support/video.js";

describe("ffmpeg's arguments for a source", () => {
  test("open files by name, whatever it looks like, and do not repeat passwords", () => {
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

  test("name cameras as each system does", () => {
    expect(videoInput("0", "linux").args).toEqual(["-f", "v4l2", "-i", "/dev/video0"]);
    expect(videoInput("/dev/video2", "linux").args.at(-1)).toBe("/dev/video2");
    expect(videoInput("1", "darwin").args.at(-1)).toBe("1:none");
    expect(videoInput("video=Front", "win32").args).toEqual(["-f", "dshow", "-i", "video=Front"]);
    expect(() => videoInput("0", "win32")).toThrow(/0: cameras are not numbered on win32; give its name/);
    expect(isCamera("1234")).toBe(false);
  });

  test("truncated GIFs are still GIFs", () => {
    const bytes = Uint8Array.from([...Buffer.from("GIF89a"), 1, 0, 1, 0, 0, 0, 0, 0x2c, 0, 0]);
    for (let end = 0; end <= bytes.length; end++) expect(isAnimatedGif(bytes.subarray(0, end))).toBe(false);
  });
});

describe("without ffmpeg", () => {
  afterEach(() => void vi.unstubAllEnvs());

  const attempt = async (tool: string): Promise<string> => {
    const work =
      tool === "ffprobe" ? probeVideo("clip.mp4") : VideoWriter.open("clip.mp4", { width: 2, height: 2, rate: "1" });
    const error: unknown = await work.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(VideoError);
    return (error as VideoError).message;
  };

  test.each(["ffprobe", "ffmpeg"])(
    "without %s, the message says what is missing and how to install it",
    async (tool) => {
      const variable = `${tool.toUpperCase()}_PATH`;
      vi.stubEnv(variable, "");
      vi.stubEnv("PATH", "/nowhere");
      expect(await attempt(tool)).toMatch(
        new RegExp(`^clip\\.mp4: videos need ffmpeg: ${tool} was not found; install ffmpeg .* or set ${variable}$`),
      );
      // The variable is what is wrong then, whatever is installed.
      vi.stubEnv(variable, "/nowhere/own");
      expect(await attempt(tool)).toBe(
        `clip.mp4: videos need ffmpeg: ${variable}=/nowhere/own is not a program; correct it, or unset it to use the ${tool} on the PATH`,
      );
    },
  );

  test.skipIf(ffmpegMissing())("a missing camera or stream is explained once", async () => {
    for (const [source, why] of [
      ["99", /^99: cannot be opened: .*No such file or directory$/],
      ["tcp://127.0.0.1:1", /^tcp:\/\/127\.0\.0\.1:1: cannot be opened: .*Connection refused$/],
    ] as const) {
      const { message } = (await probeVideo(source).catch((reason: unknown) => reason)) as VideoError;
      expect(message).toMatch(why);
      expect(message.match(/No such file|Connection refused/g)).toHaveLength(1);
    }
  });
});
