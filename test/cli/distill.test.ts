/** `yolov5 distill` and the function `distill`: what is learnt, what is refused, and what an interruption leaves. */

import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { pruneChannels } from "../../src/compress/index.js";
import { distill, load, openDataset } from "../../src/node.js";
import { createCpuBackend } from "../../src/runtime/cpu/backend.js";
import { exportSafetensors } from "../../src/yolov5/checkpoint/exportSafetensors.js";
import { createMember, openModel } from "../../src/yolov5/loadModel.js";
import { referencePath } from "../support/reference.js";
import { cli, EXAMPLE, scratchFolder } from "./support.js";

const folder = await scratchFolder();
const path = (name: string): string => join(folder, name);
const data = path("data.txt");
const FAST = ["--data", data, "--backend", "wasm", "--threads", "1"] as const;
const crops = referencePath("weights", "crops.pt");
const pictures = referencePath("images", "crops_test", "images");

beforeAll(async () => {
  await cp(EXAMPLE, path("a.png"));
  await cp(EXAMPLE, path("b.png"));
  await writeFile(data, `${path("a.png")}\n${path("b.png")}\n`);
});

interface DistillJson {
  readonly rows: readonly { readonly name: string; readonly parameters: number; readonly agreement?: number }[];
  readonly training: { readonly curve: readonly { readonly step: number; readonly distance: number }[] };
}

const jsonOf = async (file: string): Promise<DistillJson> => JSON.parse(await readFile(file, "utf8")) as DistillJson;

describe("a student", () => {
  test.runIf(crops && pictures)("of a real checkpoint comes to find what its teacher finds", async () => {
    const opened = openModel(await readFile(crops as string), { path: "crops.pt" });
    const { module } = pruneChannels(opened.module, { criterion: "l1", amount: 0.1, scope: "global", round: 8 });
    const { info } = createMember({ ...opened, module }, createCpuBackend(), { path: "pruned" });
    await writeFile(path("pruned.safetensors"), exportSafetensors({ ...opened, module }, info));
    const models = ["--teacher", crops as string, "--student", path("pruned.safetensors")];
    const { code, stdout, stderr } = await cli([
      ...["distill", ...models, "--data", pictures as string, "--imgsz", "192", "--steps", "100"],
      ...["--backend", "wasm", "--threads", "1", "--output", path("better.safetensors"), "--json", path("better.json")],
    ]);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/Distilled: 100 steps in [\d.]+ min on 40 pictures; step \d+ is kept; on 32 of them/);
    const { rows } = await jsonOf(path("better.json"));
    const [before, after] = rows.slice(1).map(({ agreement = Number.NaN }) => agreement);
    expect(after).toBeGreaterThan(before + 0.1);
  });

  test("of random weights gets its teacher's head and names; table, JSON, file and report", async () => {
    const { code, stdout, stderr } = await cli([
      ...["distill", "--teacher", "codes", "--student", "random:yolov5n:3", ...FAST, "--imgsz", "64", "--steps", "8"],
      ...["--output", path("random.safetensors"), "--json", path("random.json"), "--report", path("random.html")],
    ]);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/step 8: loss [\d.]+, distance [\d.]+\n/);
    expect(stdout).toMatch(/\nnetwork +size +parameters +GFLOPs +agreement\n/);
    const { rows, training } = await jsonOf(path("random.json"));
    expect(rows.map(({ name }) => name)).toEqual(["embedded:codes", "random:yolov5n:3", "distilled"]);
    const [first, last] = training.curve.map(({ distance }) => distance);
    expect(last).toBeLessThan(0.8 * first);
    const html = await readFile(path("random.html"), "utf8");
    expect(html).toMatch(/embedded:codes → random:yolov5n:3[\s\S]*<h2>Learning<\/h2>\s*<svg[\s\S]*<\/html>\n$/);
    const [teacher, student] = await Promise.all(
      ["codes", path("random.safetensors")].map((weights) => load(weights, { backend: "wasm", worker: false })),
    );
    expect(student.names).toEqual(teacher.names);
    expect(student.info.anchors).toEqual(teacher.info.anchors);
    expect(student.info.parameters).toBe(rows[2].parameters);
    teacher.dispose();
    student.dispose();
  });

  test("that is interrupted is written, and goes on to the weights of an undisturbed run", async () => {
    const run = (output: string, ...more: string[]) => [
      ...["distill", "--teacher", "codes", "--student", "random:yolov5n", ...FAST, "--imgsz", "64", "--steps", "6"],
      ...["--output", path(output), ...more],
    ];
    expect((await cli(run("whole.safetensors"))).code).toBe(0);
    const state = ["--state", path("run.state")];
    const controller = new AbortController();
    const onStdout = (text: string): void => {
      if (/step 0:/.test(text)) controller.abort();
    };
    const ended = await cli(run("parts.safetensors", ...state), { signal: controller.signal, onStdout });
    expect(ended.code).toBe(130);
    expect(ended.stdout).toContain(`the best student so far is in ${path("parts.safetensors")}\n`);
    expect(openModel(await readFile(path("parts.safetensors")), { path: "parts" }).module).toBeDefined();
    const whole = await readFile(path("whole.safetensors"));
    expect(whole.equals(await readFile(path("parts.safetensors")))).toBe(false);
    expect((await cli(run("parts.safetensors", ...state))).code).toBe(0);
    expect(whole.equals(await readFile(path("parts.safetensors")))).toBe(true);
  });
});

describe("refuses in one line", () => {
  test.each([
    [["random:yolov5n6"], "other strides (student: 8, 16, 32, 64; teacher: 8, 16, 32)"],
    [["random:yolov8n"], "other boxes (student: without anchors; teacher: with anchors)"],
    [["random:yolov5n-seg"], "other mask coefficients (student: 32; teacher: 0)"],
  ])("%j", async ([student], what) => {
    const { code, stdout, stderr } = await cli(["distill", "--teacher", "codes", "--student", student, ...FAST]);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toBe(
      `error: ${student}: cannot learn from embedded:codes, whose head has ${what}; give a student with the same\n`,
    );
  });

  test.runIf(crops)("a checkpoint with other classes", async () => {
    const student = crops as string;
    const { code, stderr } = await cli(["distill", "--teacher", "codes", "--student", student, ...FAST]);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^error: .*crops\.pt: cannot learn from embedded:codes, .*\(student: 6; teacher: \d+\); .*\n$/,
    );
  });

  test.each([
    [["--minutes", "1", "--steps", "9"], 2, /--minutes and --steps cannot be combined/],
    [["--student", "random:yolov5n-cls"], 1, /yolov5n-cls: is a classification model/],
    [["--student", "random:yolov9"], 2, /is not an architecture/],
    [["--output", data], 2, /is what --data reads/],
    [
      ["--teacher", "random:yolov8n", "--student", "random:yolov8n", "--labels"],
      1,
      /labels are used with heads that have/,
    ],
  ])("%j", async (flags, expected, message) => {
    const models = ["--teacher", "codes", "--student", "random:yolov5n"];
    const { code, stderr } = await cli(["distill", ...models, ...FAST, ...flags]);
    expect([code, stderr]).toEqual([expected, expect.stringMatching(message)]);
    expect(stderr.trim().split("\n").length).toBe(1);
  });
});

describe("the function", () => {
  const options = { backend: "wasm", threads: 1, imgsz: 64 } as const;

  test("gives a file, tells of its steps, and can be aborted and continued", async () => {
    const { samples } = await openDataset(data, { names: [], labels: false });
    const steps: number[] = [];
    const onProgress = ({ step }: { readonly step: number }): void => void steps.push(step);
    const {
      bytes,
      curve,
      pictures: counts,
    } = await distill("codes", "random:yolov5n", samples, {
      ...{ ...options, steps: 3, onProgress },
    });
    expect(steps).toEqual([1, 2, 3, 3]);
    expect(curve.map(({ step }) => step)).toEqual([0, 3]);
    expect(counts).toEqual({ trained: 2, watched: 2 });
    const model = await load(bytes, { backend: "wasm", worker: false });
    expect((await model.detect(EXAMPLE, { imgsz: 64 })).task).toBe("detect");
    model.dispose();

    const controller = new AbortController();
    let [saved, best]: (Uint8Array | undefined)[] = [];
    const aborted = distill("codes", "random:yolov5n", samples, {
      ...{ ...options, steps: 3, signal: controller.signal },
      onProgress: () => controller.abort(new Error("enough")),
      onState: async (state, bestSoFar) => {
        [saved, best] = [state(), bestSoFar()];
      },
    });
    await expect(aborted).rejects.toThrow("enough");
    expect(openModel(best as Uint8Array, { path: "best" }).module).toBeDefined();
    const continued = await distill("codes", "random:yolov5n", samples, { ...options, steps: 3, saved });
    expect(Buffer.from(continued.bytes).equals(bytes)).toBe(true);
  });

  test("learns from labels and features, or says that there are none", async () => {
    const { samples } = await openDataset(data, { names: [], labels: false });
    const truth = { classes: Int32Array.of(0), boxes: Float32Array.of(0.5, 0.5, 0.5, 0.5), polygons: [[]] };
    const labelled = samples.map((sample) => ({ ...sample, truth }));
    const own = { ...options, steps: 2 };
    const given = [{ labels: false }, { labels: true }, { features: 1 }];
    const [without, ...others] = await Promise.all(
      given.map((what) => distill("codes", "random:yolov5n", labelled, { ...own, ...what })),
    );
    for (const { curve } of others) {
      expect(curve[0]).toEqual(without.curve[0]);
      expect(curve[1].loss).toBeGreaterThan(without.curve[1].loss);
    }
    await expect(distill("codes", "random:yolov5n", samples, { ...own, labels: true })).rejects.toThrow(
      /have no labels/,
    );
  });

  test("refuses heads that differ, and no pictures", async () => {
    const differ = distill("codes", "random:yolov8n", [], { ...options, steps: 1 });
    await expect(differ).rejects.toThrow(/cannot learn from embedded:codes/);
    await expect(distill("codes", "random:yolov5n", [], { ...options, steps: 1 })).rejects.toThrow(
      /at least one picture/,
    );
  });
});
