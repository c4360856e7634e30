/** `--line`, `--zone`, `--heatmap`, `--ground` on a clip, from flags to JSON, NDJSON, CSV, pictures and video. */

import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { decodeImage } from "../../../src/image/index.js";
import { ffmpeg, ffmpegMissing, probe } from "../../support/video.js";
import { cli, EXAMPLE, scratchFolder } from "../support.js";

const folder = await scratchFolder();
const QUICK = ["--backend", "wasm", "--threads", "1", "--imgsz", "320"] as const;
const FRAMES = 25;

interface Box {
  readonly xmin: number;
  readonly xmax: number;
  readonly ymin: number;
  readonly ymax: number;
  readonly name: string;
  readonly track?: number;
  readonly speed?: number;
}
interface Event {
  readonly event?: string;
  readonly line?: string;
  readonly zone?: string;
  readonly direction?: string;
  readonly track: number;
  readonly name: string;
  readonly time: number;
  readonly frame: number;
}

describe.skipIf(ffmpegMissing())("codes that move to the left by 8 px per frame", () => {
  const clip = join(folder, "clip.mp4");

  beforeAll(() => {
    const move = "crop=640:600:8*n:60,scale=480:450";
    const input = ["-loop", "1", "-framerate", "10", "-i", EXAMPLE, "-frames:v", String(FRAMES)];
    ffmpeg([...input, "-vf", move, "-pix_fmt", "yuv420p", "-c:v", "mpeg4", "-q:v", "2", clip]);
  });

  async function run(name: string, ...options: string[]) {
    const lines = join(folder, `${name}.ndjson`);
    const argv = ["detect", "--source", clip, "--project", folder, "--name", name, "--quiet", ...QUICK];
    const { code, stdout, stderr } = await cli([...argv, "--json", "-", "--ndjson", lines, ...options]);
    expect(stderr).toBe("");
    expect(code).toBe(0);
    const entries = (await readFile(lines, "utf8"))
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    return { json: JSON.parse(stdout), events: entries.filter(({ event }) => event) as Event[], entries };
  }

  test("each crossing of the line is counted once, in JSON, events, CSV and drawing", async () => {
    const { json, events, entries } = await run(
      ...["lines", "--line", "0.5,0,0.5,1,middle", "240,450,240,0", "--zone", "0,0,0.5,0,0.5,1,0,1,left half"],
    );
    // Straight from the boxes: who was first seen to the right of the line and last to the left, well away from it.
    const paths = new Map<number, { name: string; first: number; last: number; frames: number; size: number }>();
    for (const { detections } of json.images as { detections: Box[] }[]) {
      for (const { track, name, xmin, xmax, ymin, ymax } of detections) {
        if (track === undefined) continue;
        const x = (xmin + xmax) / 2;
        const size = Math.sqrt((xmax - xmin) * (ymax - ymin));
        const path = paths.get(track) ?? { name, first: x, last: x, frames: 0, size };
        paths.set(track, { ...path, last: x, frames: path.frames + 1, size });
      }
    }
    const crossed = [...paths].filter(
      ([, { first, last, size }]) => first > 240 + 0.1 * size && last < 240 - 0.1 * size,
    );
    expect(crossed.length).toBeGreaterThan(0);
    const [middle, back] = json.counts.lines;
    const total = (counts: Record<string, number>): number => Object.values(counts).reduce((a, b) => a + b, 0);
    expect(middle.name).toBe("middle");
    expect(back.name).toBe("line 2");
    // The line leads down: to its right hand is the left of the picture.
    expect(total(middle.in)).toBe(crossed.length);
    expect(total(middle.out)).toBe(0);
    expect(back).toMatchObject({ in: {}, out: middle.in });
    for (const [, { name }] of crossed) expect(middle.in[name]).toBeGreaterThan(0);
    expect(json.counts.zones[0]).toMatchObject({ name: "left half" });
    expect(json.videos[0].counts).toEqual(json.counts);
    expect(Object.keys(json).at(-1)).toBe("counts");

    const own = events.filter(({ line }) => line === "middle");
    expect(own.map(({ track }) => track).sort()).toEqual(crossed.map(([track]) => track).sort());
    for (const event of own) {
      expect(event).toMatchObject({ event: "line", direction: "in", source: clip });
      expect(event.time).toBeCloseTo((event.frame - 1) / 10, 3);
      // After its frame.
      const at = entries.indexOf(event);
      const frame = entries.findIndex((entry) => entry.event === undefined && entry.frame === event.frame);
      expect(frame).toBeGreaterThanOrEqual(0);
      expect(at).toBeGreaterThan(frame);
    }
    const entered = events.filter(({ event, zone }) => event === "enter" && zone === "left half");
    expect(entered.length).toBe(total(json.counts.zones[0].entries));

    const csv = (await readFile(join(folder, "lines", "counts.csv"), "utf8")).trim().split("\n");
    expect(csv[0]).toBe("source,kind,name,class,in,out,inside,most,mean_dwell,longest_dwell");
    const rows = csv.slice(1).map((row) => row.split(","));
    const sum = rows.filter(([, , name]) => name === "middle").reduce((all, [, , , , count]) => all + Number(count), 0);
    expect(sum).toBe(crossed.length);
    expect(probe(join(folder, "lines", "clip.mp4")).frames).toBe(FRAMES);
  });

  test("--nosave writes the heat map, a PNG of the video's size, but no file of counts", async () => {
    await run("heat", "--heatmap", "--heatmap-half-life", "5", "--line", "0.5,0,0.5,1", "--nosave");
    expect(await readdir(join(folder, "heat"))).toEqual(["clip_heatmap.png"]);
    const picture = await decodeImage(await readFile(join(folder, "heat", "clip_heatmap.png")));
    expect([picture.width, picture.height]).toEqual([480, 450]);
  });

  test("speeds match the movement of 6 px per frame at 10 frames per second", async () => {
    // A plane seen from above, a pixel a tenth of a unit: 60 px a second are 6 units.
    const { json } = await run("speed", "--nosave", "--imgsz", "480", "--ground", "0,0,480,0,480,450,0,450,48,45,pace");
    const speeds = (json.images as { detections: Box[] }[]).flatMap(({ detections }) =>
      detections.flatMap(({ speed }) => speed ?? []),
    );
    expect(speeds.length).toBeGreaterThan(20);
    const middle = speeds.sort((a, b) => a - b)[Math.floor(speeds.length / 2)];
    expect(Math.abs(middle - 6)).toBeLessThan(0.4);
    expect(existsSync(join(folder, "speed"))).toBe(false);
  });
});

test.each([
  [["--line", "1,2,3"], /Give x1,y1,x2,y2 and perhaps a name/],
  [["--line", "1,2,1,2"], /The two points of a line must differ/],
  [["--zone", "1,2,3,4,door"], /Give three points or more/],
  [["--ground", "0,0,1,0,1,1,0,1"], /Give the four corners of a rectangle on the ground/],
  [["--anchor", "head"], /Allowed choices are centre, feet/],
])("%j is a usage error", async (options, message) => {
  const { code, stderr } = await cli(["detect", "--source", EXAMPLE, ...options]);
  expect(code).toBe(2);
  expect(stderr).toMatch(message);
});

test("a redacted run writes no heat map", async () => {
  const { code, stderr } = await cli(["detect", "--source", EXAMPLE, "--redact", "--heatmap"]);
  expect(code).toBe(2);
  expect(stderr).toMatch(/--redact writes nothing but the redacted file; leave out --heatmap/);
});

test("two lines or two zones with one name are refused, given or by default", async () => {
  const line = (name: string): string[] => ["--line", `0,0,1,1${name && `,${name}`}`];
  for (const [argv, message] of [
    [[...line("a"), ...line("a")], '--line: two have the name "a"; give each a name of its own'],
    [[...line("line 2"), ...line("")], '--line: two have the name "line 2"; give each a name of its own'],
    [
      ["--zone", "0,0,1,0,1,1,x", "--zone", "0,0,1,0,0,1,x"],
      '--zone: two have the name "x"; give each a name of its own',
    ],
  ] as const) {
    const { code, stderr } = await cli(["detect", "--source", EXAMPLE, "--nosave", ...QUICK, ...argv]);
    expect([code, stderr.trim()]).toEqual([2, `error: ${message}`]);
  }
  // A line and a zone may share one: their events say which they are.
  const { code } = await cli([
    "detect",
    "--source",
    EXAMPLE,
    "--nosave",
    ...QUICK,
    ...line("a"),
    "--zone",
    "0,0,1,0,1,1,a",
  ]);
  expect(code).toBe(0);
});
