/** `yolov5 detect` on videos, from flags to files: log lines, JSON, NDJSON, annotated video, labels, tracks, Ctrl-C. */

import { existsSync } from "node:fs";
import { cp, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { readVideo } from "../../../../src/node.js";
import { ffmpeg, ffmpegMissing, probe } from "../../../support/video.js";
import { cli, EXAMPLE, scratchFolder } from "../../support.js";

const folder = await scratchFolder();
const path = (...names: string[]): string => join(folder, ...names);
/** Small enough for a test, large enough that the embedded model still finds codes. */
const QUICK = ["--backend", "wasm", "--threads", "1", "--imgsz", "256"] as const;
const BLIND = ["--backend", "wasm", "--threads", "1", "--imgsz", "64"] as const;
const FRAMES = 9;

interface Detection {
  readonly xmin: number;
  readonly xmax: number;
  readonly confidence: number;
  readonly class: number;
  readonly track?: number;
}
interface Entry {
  readonly source: string;
  readonly frame?: number;
  readonly time?: number;
  readonly width: number;
  readonly height: number;
  readonly detections: readonly Detection[];
  readonly error?: string;
}

describe("without ffmpeg", () => {
  afterEach(() => void vi.unstubAllEnvs());

  test("one line says how to install it, and other sources still run", async () => {
    vi.stubEnv("FFPROBE_PATH", "");
    vi.stubEnv("PATH", path("nowhere"));
    const clip = path("nothing.mp4");
    await writeFile(clip, "");
    const argv = ["detect", "--source", clip, EXAMPLE, "--nosave", "--json", "-", "--quiet", ...BLIND];
    const { code, stdout, stderr } = await cli(argv);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^error: \S+nothing\.mp4: videos need ffmpeg: ffprobe was not found; install ffmpeg [^\n]+\n$/,
    );
    const { images } = JSON.parse(stdout);
    expect(images.map(({ source, error }: Entry) => [source, error !== undefined])).toEqual([
      [clip, true],
      [EXAMPLE, false],
    ]);
  });
});

describe.skipIf(ffmpegMissing())("with ffmpeg", () => {
  const clip = path("clip.mp4");

  beforeAll(() => {
    // The example picture, moving to the left by 6 px a frame.
    const move = `crop=800:600:6*n:20,scale=400:300`;
    const input = ["-loop", "1", "-framerate", "25", "-i", EXAMPLE];
    ffmpeg([...input, "-vf", move, "-frames:v", `${FRAMES}`, "-pix_fmt", "yuv420p", clip]);
  });

  test("writes log lines, JSON, the annotated video, labels and crops", async () => {
    const argv = ["detect", "--source", clip, "--project", path("first"), "--json", path("first.json"), ...QUICK];
    const { code, stdout, stderr } = await cli([...argv, "--save-txt", "--save-conf", "--save-crop"]);
    expect(stderr).toBe("");
    expect(code).toBe(0);
    const lines = stdout.split("\n").slice(2);
    for (let n = 1; n <= FRAMES; n++) {
      expect(lines[n - 1]).toMatch(
        new RegExp(`^video 1/1 \\(${n}/${FRAMES}\\) .*clip\\.mp4: 192x256 .+, \\d+\\.\\dms$`),
      );
    }
    expect(lines[FRAMES]).toMatch(/clip\.mp4: 9 frames in \d+\.\d s \(\d+\.\d FPS\)$/);
    expect(lines[FRAMES + 1]).toMatch(/^Speed: /);
    expect(lines[FRAMES + 2]).toBe(`Results saved to ${path("first", "exp")}`);

    const { images, videos } = JSON.parse(await readFile(path("first.json"), "utf8"));
    expect(images).toHaveLength(FRAMES);
    for (const [n, image] of (images as Entry[]).entries()) {
      expect([image.source, image.frame, image.width, image.height]).toEqual([clip, n + 1, 400, 300]);
      expect(image.time).toBeCloseTo(n / 25, 3);
      expect(image.detections.length).toBeGreaterThan(0);
      for (const detection of image.detections) expect(detection).not.toHaveProperty("track");
    }
    expect(videos).toEqual([
      {
        source: clip,
        frames: FRAMES,
        seconds: expect.any(Number),
        fps: expect.any(Number),
        sourceFps: 25,
        savedTo: path("first", "exp", "clip.mp4"),
      },
    ]);

    const out = path("first", "exp", "clip.mp4");
    expect(probe(out)).toMatchObject({ width: 400, height: 300, rate: "25/1", frames: FRAMES });
    expect((await readdir(path("first", "exp"))).sort()).toEqual(["clip.mp4", "crops", "labels"]);
    expect(await readdir(path("first", "exp", "labels"))).toHaveLength(FRAMES);
    const labels = (await readFile(path("first", "exp", "labels", "clip_3.txt"), "utf8")).trimEnd().split("\n");
    expect(labels).toHaveLength(images[2].detections.length);
    const crops = images.flatMap((image: Entry) => image.detections).length;
    expect(
      (await readdir(path("first", "exp", "crops"), { recursive: true })).filter((n) => n.endsWith("jpg")),
    ).toHaveLength(crops);
    // Drawn: the first box's edge differs from the source by more than the encoder does.
    const [[before], [after]] = [await frames(clip), await frames(out)];
    let changed = 0;
    for (let i = 0; i < before.length; i++) if (Math.abs(before[i] - after[i]) > 60) changed++;
    expect(changed).toBeGreaterThan(500);
  });

  test("--ndjson writes a line per frame to standard output or a file, and does not mix with --json -", async () => {
    const argv = ["detect", "--source", clip, EXAMPLE, "--nosave", "--max-frames", "3", ...BLIND];
    const { code, stdout, stderr } = await cli([...argv, "--ndjson", "-", "--json", path("both.json")]);
    expect(code).toBe(0);
    const lines: Entry[] = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines.map(({ source, frame }) => [source, frame])).toEqual([
      [clip, 1],
      [clip, 2],
      [clip, 3],
      [EXAMPLE, undefined],
    ]);
    expect(stderr).toContain("video 1/2 (3/3)");
    expect(stderr).toContain("image 2/2 ");
    expect(JSON.parse(await readFile(path("both.json"), "utf8")).images).toEqual(lines);
    await writeFile(path("lines.ndjson"), "of an earlier run\n");
    await cli([...argv, "--ndjson", path("lines.ndjson"), "--quiet"]);
    expect((await readFile(path("lines.ndjson"), "utf8")).trimEnd().split("\n")).toHaveLength(4);
    const mixed = await cli([...argv, "--ndjson", "-", "--json", "-"]);
    expect([mixed.code, mixed.stdout]).toEqual([2, ""]);
    expect(mixed.stderr).toMatch(/cannot share standard output/);
  });

  test("--vid-stride takes every n-th frame at the video's own time, also in batches", async () => {
    const run = async (...more: string[]): Promise<Entry[]> => {
      const argv = ["detect", "--source", clip, "--project", path("stride"), "--json", "-", "--quiet", ...QUICK];
      return JSON.parse((await cli([...argv, ...more])).stdout).images;
    };
    const images = await run("--vid-stride", "2");
    expect(images.map(({ frame, time }) => [frame, Math.round((time ?? 0) * 25)])).toEqual([
      [1, 1],
      [2, 3],
      [3, 5],
      [4, 7],
    ]);
    expect(probe(path("stride", "exp", "clip.mp4"))).toMatchObject({ rate: "25/2", frames: 4 });
    const grouped = await run("--vid-stride", "2", "--batch-size", "3");
    const boxes = (list: Entry[]) =>
      list.map(({ frame, detections }) => [frame, detections.map(({ xmin }) => xmin.toFixed(2))]);
    expect(boxes(grouped)).toEqual(boxes(images));
  });

  test.each(["bytetrack", "sort"])("--track %s gives every code one ID in all frames", async (algorithm) => {
    const argv = ["detect", "--source", clip, "--project", path(algorithm), "--json", "-", ...QUICK];
    const { code, stdout, stderr } = await cli([...argv, "--track", algorithm, "--conf-thres", "0.4"]);
    expect(code).toBe(0);
    const { images, videos } = JSON.parse(stdout) as { images: Entry[]; videos: { tracks: number }[] };
    const codes = images[0].detections.length;
    expect(codes).toBeGreaterThan(3);
    // Ids begin a little above the threshold.
    const sure = images[0].detections.filter(({ confidence }) => confidence >= 0.5);
    expect(sure.map(({ track }) => track)).toEqual(sure.map((_, i) => i + 1));
    // An id is one code: it only moves to the left, 3 px a frame, and keeps its class.
    const last = new Map<number, Detection & { frame: number }>();
    for (const { frame = 0, detections } of images) {
      const ids = detections.flatMap(({ track }) => track ?? []);
      expect(new Set(ids).size).toBe(ids.length);
      for (const detection of detections) {
        if (detection.track === undefined) continue;
        const before = last.get(detection.track);
        if (before) {
          expect(detection.class).toBe(before.class);
          const moved = (before.xmin + before.xmax - detection.xmin - detection.xmax) / 2;
          const width = detection.xmax - detection.xmin;
          // The codes are further apart than one is wide.
          expect(Math.abs(moved - 3 * (frame - before.frame))).toBeLessThan(width / 2);
        }
        last.set(detection.track, { ...detection, frame });
      }
    }
    expect(last.size).toBe(videos[0].tracks);
    expect(stderr).toContain(`${videos[0].tracks} objects tracked`);
    expect(videos[0].tracks).toBeLessThanOrEqual(codes + 2);
  });

  test("--track follows objects across pictures in order, and starts anew with each video", async () => {
    await mkdir(path("frames"));
    ffmpeg(["-i", clip, path("frames", "%03d.png")]);
    const argv = [
      "detect",
      "--source",
      path("frames"),
      clip,
      "--nosave",
      "--track",
      "--json",
      "-",
      "--quiet",
      ...QUICK,
    ];
    const images = JSON.parse((await cli(argv)).stdout).images as Entry[];
    expect(images).toHaveLength(2 * FRAMES);
    const idsOf = ({ detections }: Entry) => detections.map(({ track }) => track);
    for (const start of [0, FRAMES])
      expect(idsOf(images[start])).toEqual(images[start].detections.map((_, i) => i + 1));
    const common = idsOf(images[0]).filter((id) => idsOf(images[FRAMES - 1]).includes(id));
    expect(common.length).toBeGreaterThan(2);
  });

  test("damaged videos, other files and videos shorter than the stride give one error each; earlier frames are kept", async () => {
    ffmpeg(["-i", clip, "-c:v", "mjpeg", "-movflags", "+faststart", path("fast.mp4")]);
    const bytes = await readFile(path("fast.mp4"));
    await writeFile(path("torn.mp4"), bytes.subarray(0, Math.floor(bytes.length * 0.6)));
    await writeFile(path("text.mp4"), "hello");
    const sources = ["--source", path("torn.mp4"), path("text.mp4"), clip];
    const argv = ["detect", ...sources, "--project", path("torn"), "--json", "-", "--quiet", ...BLIND];
    const { code, stdout, stderr } = await cli(argv);
    expect(code).toBe(1);
    expect(stderr.trimEnd().split("\n")).toEqual([
      expect.stringMatching(/^error: \S+torn\.mp4: is damaged after \d of 9 frames: /),
      expect.stringMatching(/^error: \S+text\.mp4: is a text file, not a video$/),
    ]);
    const images = JSON.parse(stdout).images as Entry[];
    const torn = images.filter(({ source, error }) => source === path("torn.mp4") && error === undefined);
    expect(torn.length).toBeGreaterThan(0);
    expect(images.filter(({ error }) => error !== undefined)).toHaveLength(2);
    expect(images.filter(({ source }) => source === clip)).toHaveLength(FRAMES);
    expect(probe(path("torn", "exp", "torn.mp4")).frames).toBe(torn.length);
    expect((await readdir(path("torn", "exp"))).sort()).toEqual(["clip.mp4", "torn.mp4"]);
    const { code: none, stderr: few } = await cli([
      "detect",
      "--source",
      clip,
      "--vid-stride",
      "20",
      "--nosave",
      ...BLIND,
    ]);
    expect([none, few]).toEqual([
      1,
      expect.stringMatching(/^error: \S+clip\.mp4: no frames could be read: .*stride of 20\n$/),
    ]);
  });

  test("two videos with the same name do not overwrite each other", async () => {
    await mkdir(path("other"));
    await cp(clip, path("other", "clip.mp4"));
    const argv = [
      "detect",
      "--source",
      clip,
      path("other", "clip.mp4"),
      "--project",
      path("names"),
      "--max-frames",
      "1",
    ];
    expect((await cli([...argv, ...BLIND])).code).toBe(0);
    expect((await readdir(path("names", "exp"))).sort()).toEqual(["clip.mp4", "clip_2.mp4"]);
  });

  test("Ctrl-C leaves a video that plays and JSON of the same frames, with exit code 130", async () => {
    ffmpeg(["-f", "lavfi", "-i", "testsrc2=size=320x240:rate=50:duration=20", "-c:v", "mpeg4", path("long.mp4")]);
    const stop = new AbortController();
    const argv = ["detect", "--source", path("long.mp4"), "--project", path("stopped"), "--json", path("stopped.json")];
    const { code, stderr } = await cli([...argv, ...BLIND], {
      signal: stop.signal,
      onStdout: (text) => {
        if (text.includes("(12/1000)")) stop.abort();
      },
    });
    expect(code).toBe(130);
    const { images } = JSON.parse(await readFile(path("stopped.json"), "utf8"));
    expect(stderr).toBe(`interrupted after ${images.length} frames of ${path("long.mp4")}\n`);
    expect(images.length).toBeLessThan(200);
    expect(await readdir(path("stopped", "exp"))).toEqual(["long.mp4"]);
    expect(probe(path("stopped", "exp", "long.mp4")).frames).toBe(images.length);
  });

  test("--nosave writes nothing", async () => {
    const argv = ["detect", "--source", clip, "--nosave", "--project", path("nosave"), ...BLIND];
    expect((await cli(argv)).code).toBe(0);
    expect(existsSync(path("nosave"))).toBe(false);
  });
});

/** The first frame's bytes. */
async function frames(source: string): Promise<Uint8Array[]> {
  for await (const { data } of readVideo(source)) return [data];
  return [];
}
