/** `compress --low-rank` from flags to file and report, and the file in the other commands. */

import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import type { FactoredLayer } from "../../../src/compress/lowRank/lowRankFactorizer.js";
import { load } from "../../../src/node.js";
import type { DetectionResult } from "../../../src/yolov5/output/results.js";
import { cli, EXAMPLE, scratchFolder } from "../../cli/support.js";

const folder = await scratchFolder();
const path = (...names: string[]): string => join(folder, ...names);
const FAST = ["--weights", "codes", "--backend", "wasm", "--imgsz", "256", "--iterations", "1", "--threads", "1"];

/** The example picture with what the embedded model finds in it. */
beforeAll(async () => {
  const model = await load("codes", { backend: "wasm" });
  const { detections, width, height } = (await model.detect(EXAMPLE, { imgsz: 256, conf: 0.5 })) as DetectionResult;
  model.dispose();
  const lines = detections.map(({ class: c, xmin, ymin, xmax, ymax }) =>
    [c, (xmin + xmax) / 2 / width, (ymin + ymax) / 2 / height, (xmax - xmin) / width, (ymax - ymin) / height].join(" "),
  );
  for (const name of ["images", "labels"]) await mkdir(path("data", name), { recursive: true });
  await cp(EXAMPLE, path("data", "images", "codes.png"));
  await writeFile(path("data", "labels", "codes.txt"), `${lines.join("\n")}\n`);
});

interface Row {
  readonly name: string;
  readonly gflops: number;
  readonly map50: number;
}

const compress = (...more: string[]) => cli(["compress", "--data", path("data"), ...FAST, ...more]);

describe("compress --low-rank", () => {
  const small = path("small.safetensors");

  test("factors after pruning, trains, halves and quantizes, and reports the ranks", async () => {
    const { code, stdout, stderr } = await compress(
      ...[
        "--prune",
        "0.05",
        "--low-rank",
        "0.7",
        "--round",
        "4",
        "--recover",
        "--recover-steps",
        "2",
        "--half",
        "--int8",
      ],
      ...["--json", path("out.json"), "--report", path("out.html")],
    );
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/Factored: \d+ convolutions replaced by two, (69|70)\.\d % of the operations left/);
    const { rows, ranks } = JSON.parse(await readFile(path("out.json"), "utf8")) as {
      rows: Row[];
      ranks: FactoredLayer[];
    };
    expect(rows.map(({ name }) => name.replace(/\d+\.\d/, "x"))).toEqual([
      ...["embedded:codes", "pruned x %", "+ re-estimated", "+ low rank x %", "+ refitted"],
      ...["+ recovered", "+ float16", "+ int8", "+ recovered in int8"],
    ]);
    const [original, , pruned, , refitted, , , int8] = rows;
    expect(refitted.gflops / original.gflops).toBeLessThanOrEqual(0.7005);
    expect(refitted.gflops).toBeLessThan(pruned.gflops);
    expect(refitted.map50).toBeGreaterThan(0.8);
    expect(int8.map50).toBeGreaterThan(0.7);
    expect(ranks.length).toBeGreaterThan(2);
    const html = await readFile(path("out.html"), "utf8");
    for (const { layer, rank } of ranks) {
      expect(rank % 4).toBe(0);
      expect(html).toContain(`<td>${layer}</td>`);
    }
  });

  test("gives files for detect, export and info, and for a second compress", async () => {
    const { code, stderr } = await compress("--low-rank", "0.75", "--output", small);
    expect([code, stderr]).toEqual([0, ""]);
    const boxesOf = async (weights: string, backend: string): Promise<number> => {
      const out = await cli([
        ...["detect", "--weights", weights, "--source", EXAMPLE, "--imgsz", "256", "--nosave", "--json", "-"],
        ...["--backend", backend],
      ]);
      expect(out.code).toBe(0);
      return out.stdout.match(/"confidence"/g)?.length ?? 0;
    };
    const found = await boxesOf(small, "wasm");
    expect(found).toBeGreaterThan(0);
    expect(await boxesOf(small, "gpujs")).toBe(found);
    const onnx = path("small.onnx");
    const exported = await cli(["export", "--weights", small, "--imgsz", "256", "--include", "onnx", "--output", onnx]);
    expect([exported.code, exported.stderr]).toEqual([0, ""]);
    expect(await boxesOf(onnx, "wasm")).toBe(found);
    expect((await cli(["info", "--weights", small])).code).toBe(0);
    const again = await compress("--weights", small, "--prune", "0.05", "--criterion", "l2");
    expect([again.code, again.stderr]).toEqual([0, ""]);
  });

  test("of a pruned network is trained with the features that pruning has left", async () => {
    const { code, stdout, stderr } = await compress(
      ...["--target-flops", "0.85", "--criterion", "l2", "--low-rank", "0.7", "--round", "4"],
      ...["--recover", "--recover-steps", "2", "--recover-features", "0.1", "--json", path("features.json")],
    );
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toContain("Recovered: 2 steps");
  });

  test("says in one line what cannot be reached", async () => {
    const already = await compress("--target-flops", "0.8", "--criterion", "l2", "--low-rank", "0.9");
    expect([already.code, already.stderr]).toEqual([2, expect.stringMatching(/--low-rank 0\.9: .* are left already/)]);
    const impossible = await compress("--low-rank", "0.02");
    expect(impossible.code).not.toBe(0);
    expect(impossible.stderr).toMatch(/0\.02 of the operations cannot be reached; allow more, or prune channels too/);
  });
});
