/** `val --workers`: the same figures, files and warnings whatever the number of threads. */

import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { allOr } from "../../support/full.js";
import { built, run, start } from "../builtRuns.js";
import { EXAMPLE, fixture, scratchFolder } from "../support.js";

const folder = await scratchFolder();

interface ValJson {
  readonly images: number;
  readonly instances: number;
  readonly excluded: { name: string; reason: string }[];
}

async function val(workers: number, argv: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const flags = ["--backend", "wasm", "--workers", `${workers}`, "--save-txt", "--save-json"];
  const { stdout, ...outcome } = await run<ValJson>(folder, ["val", ...argv, ...flags], { env });
  return { ...outcome, stdout };
}

/** All that must be the same: not the times, nor the folder. */
function comparable({ code, stderr, json, files }: Awaited<ReturnType<typeof val>>) {
  return { code, stderr, json: { ...json, speed: 0, backend: 0, savedTo: 0 }, files: Object.fromEntries(files) };
}

beforeAll(() => {
  const pictures = { codes: EXAMPLE, again: EXAMPLE, small: fixture("picture.png") };
  for (const part of ["images", "labels"]) mkdirSync(join(folder, "data", part), { recursive: true });
  for (const [name, path] of Object.entries(pictures)) {
    copyFileSync(path, join(folder, "data", "images", `${name}.png`));
    writeFileSync(join(folder, "data", "labels", `${name}.txt`), "0 0.5 0.5 0.4 0.4\n1 0.3 0.3 0.2 0.2\n");
  }
  // Its header is whole, so it is found to be damaged when its turn comes.
  const damaged = readFileSync(EXAMPLE);
  damaged.fill(0, damaged.length >> 1);
  writeFileSync(join(folder, "data", "images", "damaged.png"), damaged);
});

describe.skipIf(!built)("val --workers", () => {
  it.each([
    ["boxes", ["--data", "data", "--imgsz", "256"]],
    ["boxes, three to a forward pass", ["--data", "data", "--imgsz", "256", "--forward-batch", "3"]],
    ["masks", ["--data", "data", "--imgsz", "64", "--weights", fixture("seg.pt")]],
  ])("%s: the same figures with and without workers", async (_, argv) => {
    const base = await val(0, argv);
    expect(base.code).toBe(0);
    expect(base.json).toMatchObject({ images: 3, instances: 6, excluded: [{ name: "data/images/damaged.png" }] });
    expect([...base.files.keys()]).toEqual(expect.arrayContaining(["exp/labels/codes.txt", "exp/val_batch0_pred.jpg"]));
    for (const workers of allOr([1, 3], [3])) expect(comparable(await val(workers, argv))).toEqual(comparable(base));
  });

  it("a worker that dies leaves out only its own picture", async () => {
    writeFileSync(
      join(folder, "deadly.cjs"),
      `const { isMainThread } = require("node:worker_threads");
       const files = require("node:fs/promises");
       const { readFile } = files;
       files.readFile = (path, ...rest) => {
         if (!isMainThread && String(path).includes("again")) process.exit(9);
         return readFile(path, ...rest);
       };
       require("node:module").syncBuiltinESMExports();`,
    );
    const env = { NODE_OPTIONS: `--require ${join(folder, "deadly.cjs")}` };
    const { json, code, stderr } = await val(2, ["--data", "data", "--imgsz", "64"], env);
    expect(code).toBe(0);
    expect(json).toMatchObject({ images: 2 });
    const reason = `${join("data", "images", "again.png")}: the worker thread ended (exit code 9)`;
    expect(json?.excluded.map((entry) => entry.reason)).toContain(reason);
    expect(stderr).toContain(`warning: ${reason}; the picture is left out\n`);
  });

  it("classification uses no workers but all threads", async () => {
    const classes = join(folder, "classes", "val", "class0");
    mkdirSync(classes, { recursive: true });
    copyFileSync(fixture("picture.png"), join(classes, "a.png"));
    const flags = ["--backend", "wasm", "--weights", fixture("cls.pt"), "--data", "classes", "--threads", "2"];
    const { stdout } = await start(folder, ["val", ...flags, "--workers", "2"]);
    expect(stdout).toMatch(/^Backend: wasm .*2 threads\), float32$/m);
  });
});
