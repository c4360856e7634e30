/**
 * `--blur` and `--redact` for videos: on real clips, no object is bare in a frame between two in which the tracker saw
 * it; sound and length of the source stay. `YOLOV5_FULL=1` takes both clips, and all of them.
 */

import { execFileSync } from "node:child_process";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { readVideo } from "../../../src/node.js";
import { FULL } from "../../support/full.js";
import { referenceMissing, referencePath } from "../../support/reference.js";
import { ffmpeg, ffmpegMissing, probe } from "../../support/video.js";
import { cli, EXAMPLE, scratchFolder } from "../support.js";

const folder = await scratchFolder();
const path = (...names: string[]): string => join(folder, ...names);

interface Frame {
  readonly frame: number;
  readonly detections: readonly {
    readonly xmin: number;
    readonly ymin: number;
    readonly xmax: number;
    readonly ymax: number;
    readonly class: number;
    readonly track?: number;
  }[];
}
type Box = readonly [x1: number, y1: number, x2: number, y2: number];

async function detect(
  ...words: readonly string[]
): Promise<{ readonly images: readonly Frame[]; readonly stderr: string }> {
  const { code, stdout, stderr } = await cli(["detect", "--quiet", "--json", "-", "--backend", "wasm", ...words]);
  expect([code, stderr]).toEqual([0, expect.any(String)]);
  return { images: JSON.parse(stdout).images, stderr };
}

/** Where the objects of a class are in every frame from their first to their last, seen or not. */
function tracksOf(frames: readonly Frame[], wanted: number) {
  const seen = new Map<number, { frame: number; box: Box }[]>();
  for (const { frame, detections } of frames) {
    for (const { track, class: index, xmin, ymin, xmax, ymax } of detections) {
      if (track === undefined || index !== wanted) continue;
      seen.set(track, [...(seen.get(track) ?? []), { frame, box: [xmin, ymin, xmax, ymax] }]);
    }
  }
  const boxes = new Map<number, Box[]>();
  let missed = 0;
  for (const sights of seen.values()) {
    for (const [i, { frame, box }] of sights.entries()) {
      const next = sights.at(i + 1) ?? { frame: frame + 1, box };
      for (let at = frame; at < next.frame; at++) {
        const part = (at - frame) / (next.frame - frame);
        const between = box.map((value, k) => value + (next.box[k] - value) * part) as unknown as Box;
        boxes.set(at, [...(boxes.get(at) ?? []), between]);
        if (at > frame) missed++;
      }
    }
  }
  return { boxes, missed };
}

/** Mean difference of neighbours in a row: how much detail there is. */
function detail({ data, width, height }: { data: Uint8Array; width: number; height: number }, [x1, y1, x2, y2]: Box) {
  let [sum, count] = [0, 0];
  for (let y = Math.max(0, Math.ceil(y1)); y < Math.min(height, Math.floor(y2)); y++) {
    for (let x = Math.max(0, Math.ceil(x1)); x < Math.min(width, Math.floor(x2)) - 1; x++) {
      const at = (y * width + x) * 3 + 1;
      sum += Math.abs(data[at + 3] - data[at]);
      count++;
    }
  }
  return count === 0 ? 0 : sum / count;
}

/** How many of the objects of all frames keep their detail in another video. */
async function bareObjects(before: string, after: string, boxes: ReadonlyMap<number, readonly Box[]>) {
  const redacted = readVideo(after);
  let [bare, judged] = [0, 0];
  for await (const frame of readVideo(before)) {
    const { value: hidden } = await redacted.next();
    if (!hidden) throw new Error(`${after} ends before frame ${frame.frame}`);
    for (const box of boxes.get(frame.frame) ?? []) {
      const own = detail(frame, box);
      // Nothing to see there anyway.
      if (own < 1) continue;
      judged++;
      if (detail(hidden, box) > own * 0.7) bare++;
    }
  }
  expect((await redacted.next()).done).toBe(true);
  return { bare, judged };
}

const CLIPS = [
  { name: "one-by-one-person-detection", wanted: 0, who: "person", conf: "0.75" },
  ...(FULL ? [{ name: "bottle-detection", wanted: 39, who: "bottle", conf: "0.5" }] : []),
];
/** The part of a clip that holds a miss, unless all of it is asked for. */
const PART = ["-ss", "4", "-t", "5"];

describe.skipIf(ffmpegMissing())("videos", () => {
  describe.skipIf(referenceMissing("video") || referenceMissing("weights", "yolov5n.pt"))("real clips", () => {
    test.each(CLIPS)(
      "$name: nobody becomes visible, although the network misses some frames",
      async ({ name, wanted, who, conf }) => {
        const clip = referencePath("video", `${name}.mp4`) ?? "";
        const source = FULL ? clip : path(`${name}.mp4`);
        if (!FULL) ffmpeg([...PART, "-i", clip, source]);
        const weights = referencePath("weights", "yolov5n.pt") ?? "";
        const words = [
          "--weights",
          weights,
          "--source",
          source,
          "--imgsz",
          "320",
          "--conf-thres",
          conf,
          "--project",
          path(name),
        ];
        const { images } = await detect(...words, "--track", "sort", "--redact", "--blur", who);
        const { boxes, missed } = tracksOf(images, wanted);
        expect(missed).toBeGreaterThan(FULL ? 5 : 0);
        expect(await readdir(path(name), { recursive: true })).toEqual(["exp", join("exp", `${name}.mp4`)]);
        const redacted = await bareObjects(source, path(name, "exp", `${name}.mp4`), boxes);
        expect(redacted.judged).toBeGreaterThan(FULL ? 500 : 15);
        expect(redacted.bare).toBe(0);
        // The measure sees it where nothing is hidden.
        expect((await bareObjects(source, source, boxes)).bare).toBe(redacted.judged);
      },
    );
  });

  describe("sound and length", () => {
    const durations = (file: string): Record<string, number> => {
      const args = ["-v", "error", "-show_entries", "stream=codec_type,duration", "-of", "json", file];
      const { streams } = JSON.parse(execFileSync("ffprobe", args, { encoding: "utf8" }));
      return Object.fromEntries(
        streams.map((s: { codec_type: string; duration: string }) => [s.codec_type, Number(s.duration)]),
      );
    };
    const TINY = ["--imgsz", "64", "--threads", "1", "--exist-ok"];

    beforeAll(() => {
      const video = ["-loop", "1", "-framerate", "25", "-i", EXAMPLE];
      const sound = ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100"];
      const both = ["-t", "2", "-vf", "scale=160:120", "-pix_fmt", "yuv420p"];
      ffmpeg([...video, ...sound, ...both, "-metadata", "title=at home", path("aac.mp4")]);
      ffmpeg([...video, ...sound, ...both, "-c:a", "pcm_s16le", path("pcm.mov")]);
      // The pictures begin half a second after the sound.
      ffmpeg([...sound, "-itsoffset", "0.5", ...video, "-map", "1", "-map", "0", ...both, path("late.mkv")]);
      ffmpeg([...video, ...both, path("silent.mp4")]);
    });

    test.each(["aac.mp4", "pcm.mov"])(
      "%s: sound and video keep their length, and metadata are dropped",
      async (name) => {
        const { stderr } = await detect("--source", path(name), "--redact", "--project", path("sound"), ...TINY);
        expect(stderr).not.toMatch(/sound/);
        const out = path("sound", "exp", name.replace(".mov", ".mp4"));
        const [before, after] = [durations(path(name)), durations(out)];
        expect(Math.abs(after.video - before.video)).toBeLessThan(0.041);
        expect(Math.abs(after.audio - before.audio)).toBeLessThan(0.05);
        expect(probe(out).frames).toBe(50);
        expect(
          execFileSync("ffprobe", ["-v", "error", "-show_entries", "format_tags", out], { encoding: "utf8" }),
        ).not.toMatch(/home/);
      },
    );

    test("with fewer frames the sound ends early; a stride does not shorten it", async () => {
      const words = ["--source", path("aac.mp4"), "--blur", "--project", path("short"), ...TINY];
      await detect(...words, "--max-frames", "25");
      expect(durations(path("short", "exp", "aac.mp4")).audio).toBeCloseTo(1, 1);
      await detect(...words, "--vid-stride", "5", "--name", "stride");
      expect(durations(path("short", "stride", "aac.mp4")).audio).toBeCloseTo(2, 1);
    });

    test("if the video begins later than the sound, the sound before it is cut", async () => {
      await detect("--source", path("late.mkv"), "--redact", "--project", path("late"), ...TINY);
      const { audio, video } = durations(path("late", "exp", "late.mp4"));
      expect(Math.abs(audio - video)).toBeLessThan(0.1);
      expect(probe(path("late", "exp", "late.mp4")).frames).toBe(probe(path("late.mkv")).frames);
    });

    test("there is no sound if the source has none, or without --blur", async () => {
      await detect("--source", path("silent.mp4"), "--redact", "--project", path("silent"), ...TINY);
      expect(Object.keys(durations(path("silent", "exp", "silent.mp4")))).toEqual(["video"]);
      await detect("--source", path("aac.mp4"), "--project", path("plain"), ...TINY);
      expect(Object.keys(durations(path("plain", "exp", "aac.mp4")))).toEqual(["video"]);
    });
  });
});
