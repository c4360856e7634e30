/** Which files are videos, whatever they are called, and that none of them reaches another file. */

import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { expandSources } from "../../../../src/cli/detect/sources/sources.js";
import { readVideo } from "../../../../src/node.js";
import { ffmpeg, ffmpegMissing } from "../../../support/video.js";
import { cli, EXAMPLE, scratchFolder } from "../../support.js";

const folder = await scratchFolder();
const path = (...names: string[]): string => join(folder, ...names);
const BLIND = ["--backend", "wasm", "--threads", "1", "--imgsz", "64", "--nosave", "--json", "-"] as const;
const SOURCE = ["-f", "lavfi", "-i", "testsrc2=size=64x48:rate=10:duration=0.5"];
const FRAMES = 5;

describe.skipIf(ffmpegMissing())("files of all kinds", () => {
  const made: readonly (readonly [name: string, ...args: string[]])[] = [
    ["a.flv", "-f", "flv"],
    ["b.3gp", "-c:v", "mpeg4"],
    ["c.ogv", "-c:v", "ffv1", "-f", "matroska"],
    ["d.m2ts", "-c:v", "mpeg2video", "-f", "mpegts", "-mpegts_m2ts_mode", "1"],
    ["e.mts", "-c:v", "mpeg2video", "-f", "mpegts"],
    ["no-ending", "-c:v", "mpeg4", "-f", "mp4"],
    ["no-ending-ts", "-c:v", "mpeg2video", "-f", "mpegts"],
    ["no-ending-avi", "-c:v", "mpeg4", "-f", "avi"],
    ["no-ending-asf", "-c:v", "mpeg4", "-f", "asf"],
    ["f.vob", "-c:v", "mpeg2video", "-f", "vob"],
    ["named.dat", "-c:v", "mpeg4", "-f", "matroska"],
    ["clip.jpg", "-c:v", "mpeg4", "-f", "mp4"],
    ["elementary", "-c:v", "mpeg4", "-f", "m4v"],
  ];

  beforeAll(async () => {
    await mkdir(path("media"));
    for (const [name, ...args] of made) ffmpeg([...SOURCE, ...args, path("media", name)]);
    await copyFile(EXAMPLE, path("picture"));
    await writeFile(path("media", "Global.mts"), "Global = 1; // TypeScript\n".repeat(20));
    await writeFile(path("media", "notes"), "no video\n");
    await writeFile(
      path("noise"),
      Uint8Array.from({ length: 5000 }, (_, i) => (i * i * 31 + (i >> 3)) & 255),
    );
  });

  test.each(made.map(([name]) => name))("%s is read if it is named", async (name) => {
    const { code, stdout } = await cli(["detect", "--source", path("media", name), ...BLIND]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout).images.map(({ frame }: { frame: number }) => frame)).toEqual(
      Array.from({ length: FRAMES }, (_, n) => n + 1),
    );
  });

  test("in a folder, files with a video extension are read, and files without extension that begin like a video", async () => {
    const items = await expandSources([path("media")], {});
    const videos = items.filter(({ video }) => video).map(({ source }) => source.split("/").at(-1));
    expect(videos).toEqual([
      ...["a.flv", "b.3gp", "c.ogv", "d.m2ts", "e.mts", "f.vob"],
      ...["no-ending", "no-ending-asf", "no-ending-avi", "no-ending-ts"],
    ]);
  });

  test("a picture without extension stays a picture; a file that is neither is reported", async () => {
    const { images } = JSON.parse((await cli(["detect", "--source", path("picture"), ...BLIND])).stdout);
    expect(images[0]).not.toHaveProperty("frame");
    const { code, stderr } = await cli(["detect", "--source", path("noise"), path("media", "notes"), ...BLIND]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/noise: is in no known picture format/);
    expect(stderr).toMatch(/notes: is a text file, not a picture/);
  });

  test("playlists and manifests do not lead to other files", async () => {
    ffmpeg([...SOURCE, "-c:v", "mpeg4", "-f", "dash", "-use_template", "0", "-single_file", "1", path("secret.mpd")]);
    const manifest = await readFile(path("secret.mpd"), "utf8");
    const elsewhere = manifest.replace(/<BaseURL>[^<]*/, `<BaseURL>file://${path("media", "no-ending")}`);
    const hls = `#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n${path("media", "e.mts")}\n#EXT-X-ENDLIST\n`;
    const texts: readonly (readonly [string, string])[] = [
      ["dash.mp4", elsewhere],
      ["own.mp4", manifest],
      ["hls.mp4", hls],
      ["hls.m3u8.ogv", hls],
      ["concat.mkv", `ffconcat version 1.0\nfile ${path("media", "a.flv")}\n`],
      [
        "sdp.avi",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
      ],
    ];
    for (const [name, text] of texts) {
      await writeFile(path(name), text);
      const frames: number[] = [];
      const reading = (async () => {
        for await (const { frame } of readVideo(path(name))) frames.push(frame);
      })();
      await expect(reading).rejects.toThrow(new RegExp(`${name}: is (a playlist or manifest|a text file|not a video)`));
      expect(frames).toEqual([]);
    }
  });

  test.each([
    [
      "picture.mp4",
      () => readFile(EXAMPLE),
      /picture\.mp4: is a picture \(PNG\), not a video; rename it with the extension of its/,
    ],
    ["nothing.mkv", () => "", /nothing\.mkv: is an empty file; download or copy it again/],
    ["page.mp4", () => "<!DOCTYPE html><html>", /page\.mp4: is a web page \(HTML\), not a video/],
    ["notes.avi", () => "no video\n", /notes\.avi: is a text file, not a video/],
    ["pointer.webm", () => "version https://git-lfs.github.com/spec/v1\n", /is a git-lfs pointer.*git lfs pull/],
    [
      "list.mp4",
      () => "ffconcat version 1.0\nfile a.flv\n",
      /list\.mp4: is a playlist or manifest \(concat\), which only refers/,
    ],
  ])("%s is refused for the true reason, not with ffmpeg's complaint", async (name, content, reason) => {
    await writeFile(path(name), await content());
    await expect(readVideo(path(name)).next()).rejects.toThrow(reason);
  });

  test("a sound file with a video extension is refused", async () => {
    ffmpeg(["-f", "lavfi", "-i", "sine=duration=0.2", "-f", "wav", path("sound.avi")]);
    await expect(readVideo(path("sound.avi")).next()).rejects.toThrow(
      /sound\.avi: is in the format wav, which cannot contain video/,
    );
  });
});
