/** `bench --pipeline`: whole processes on a folder, beside others that must do the same job. */

import { spawnSync } from "node:child_process";
import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { pipelineRatios } from "../../../src/cli/bench/pipeline/report.js";
import { cli, EXAMPLE, scratchFolder } from "../support.js";

const folder = await scratchFolder();
const pictures = join(folder, "pictures");
const python = spawnSync("python3", ["--version"]).status === 0;

/** A stand-in for detect.py: the files that it leaves behind, with so many boxes. */
const script = (boxes: number): string => `
import argparse, os
parser = argparse.ArgumentParser()
for name in ("weights", "source", "device", "project", "name"): parser.add_argument("--" + name)
for name in ("nosave", "save-txt"): parser.add_argument("--" + name, action="store_true")
args = parser.parse_args()
run = os.path.join(args.project, args.name)
os.makedirs(os.path.join(run, "labels"))
for picture in sorted(os.listdir(args.source)):
    if not args.nosave: open(os.path.join(run, picture), "w").close()
    if args.save_txt:
        with open(os.path.join(run, "labels", picture + ".txt"), "w") as file: file.write("0 .5 .5 .1 .1\\n" * ${boxes})
`;

async function detectPy(boxes: number): Promise<string> {
  const tree = join(folder, `tree${boxes}`);
  await mkdir(tree, { recursive: true });
  await writeFile(join(tree, "detect.py"), script(boxes));
  return tree;
}

beforeAll(async () => {
  await mkdir(pictures);
  for (const name of ["a.png", "b.png"]) await copyFile(EXAMPLE, join(pictures, name));
});

const argv = ["bench", "--pipeline", pictures, "--weights", "codes", "--backend", "wasm", "--iterations", "1"];

describe("yolov5 bench --pipeline", () => {
  test.skipIf(!python)("reports pictures per second, CPU and memory of whole processes, and ratios", async () => {
    const first = JSON.parse((await cli([...argv, "--json", "-"])).stdout);
    expect(first.rows.map(({ saves }: { saves: boolean }) => saves)).toEqual([false, true]);
    const boxes = first.rows[0].boxes / 2;
    expect(boxes).toBeGreaterThan(0);
    const { code, stdout, stderr } = await cli([...argv, "--detect-py", await detectPy(boxes), "--json", "-"]);
    expect(code, stderr).toBe(0);
    const { rows, ratios, failed, pipeline } = JSON.parse(stdout);
    expect(pipeline).toEqual({ source: pictures });
    expect(failed).toEqual([]);
    expect(rows.map(({ engine }: { engine: string }) => engine)).toEqual([
      ...["yolov5-ts", "detect.py"],
      ...["yolov5-ts", "detect.py"],
    ]);
    for (const row of rows) {
      expect(row).toMatchObject({ model: "codes", pictures: 2, boxes: 2 * boxes, runs: 1, square: false });
      expect(row.picturesPerSecond).toBeCloseTo(2000 / row.medianMs, 6);
      expect(row.cpuShare).toBeGreaterThan(0);
      expect(row.cpuShare).toBeLessThanOrEqual(1.1);
      expect(row.peakBytes).toBeGreaterThan(1e6);
    }
    expect(ratios.map(({ over, saves }: { over: string; saves: boolean }) => [over, saves])).toEqual([
      ["detect.py", false],
      ["detect.py", true],
    ]);
    expect(stderr).toMatch(/^yolov5-ts +wasm +codes +detect and save +[\d.]+ /m);
  });

  test.skipIf(!python)("an engine that finds other boxes is not timed", async () => {
    const { code, stdout, stderr } = await cli([...argv, "--detect-py", await detectPy(40), "--json", "-"]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error: detect\.py is not timed \(detect\): it found 80 boxes where ours are \d+$/m);
    expect(JSON.parse(stdout).rows).toHaveLength(2);
  });

  test("whatever cannot be measured is reported in one line", async () => {
    const empty = join(folder, "empty");
    await mkdir(empty);
    const none = await cli(["bench", "--pipeline", empty, "--weights", "codes", "--backend", "wasm"]);
    expect(none.code).toBe(1);
    expect(none.stderr).toMatch(/yolov5-ts is not timed \(detect\): .*no pictures/);
    expect(none.stdout).not.toContain("pictures/s");
    const layers = await cli([...argv, "--layers"]);
    expect(layers).toMatchObject({ code: 2 });
    expect(layers.stderr).toContain("--layers and --source measure the network alone");
    const peers = await cli([...argv, "--peers", "onnxruntime-web/wasm"]);
    expect(peers).toMatchObject({ code: 2 });
    expect(peers.stderr).toContain("--pipeline measures onnxruntime-node/cpu with sharp");
    const tree = await cli([...argv, "--detect-py", empty]);
    expect(tree).toMatchObject({ code: 2 });
    expect(tree.stderr).toContain(`--detect-py: ${empty} contains no detect.py`);
    const alone = await cli(["bench", "--detect-py", empty]);
    expect(alone.code).toBe(2);
    expect(alone.stderr).toContain("--detect-py only works with --pipeline FOLDER");
  });

  test("only comparable jobs are compared", () => {
    const row = { backend: "wasm", model: "m", pictures: 1, boxes: 1, picturesPerSecond: 1, minMs: 1 };
    const rest = { ...row, cpuShare: 1, peakBytes: 1, runs: 1 };
    const rows = [
      { ...rest, engine: "yolov5-ts", saves: false, square: false, medianMs: 10 },
      { ...rest, engine: "yolov5-ts", saves: false, square: true, medianMs: 20 },
      { ...rest, engine: "peer", saves: false, square: true, medianMs: 30 },
      { ...rest, engine: "peer", saves: true, square: true, medianMs: 30 },
    ];
    expect(pipelineRatios(rows)).toEqual([
      { engine: "yolov5-ts/wasm", over: "peer", model: "m", saves: false, medianOverMedian: 1.5 },
    ]);
  });
});
