/** Servers that are bundled with this package's Node entry. esbuild alone; every bundler: `npm run test:consumers`. */

import { cpSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build as esbuild } from "esbuild";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  bundleWithEsbuild,
  bundleWithEsbuildMinified,
  EXTENSION,
  type Format,
} from "../consumers/support/nodeBundlers.js";
import { NOT_WITH_BUNDLE, runJson, runServer, SERVER_ANSWER, writeServer } from "../consumers/support/server.js";
import { createUserProject, type UserProject } from "../support/packed.js";

/** Prints where the model computes, and what it noted. */
const WHERE = `
  import { load } from "yolov5-ts";
  const notes = [];
  load("codes", { backend: "wasm", threads: 1, onNote: (note) => notes.push(note) }).then(async (model) => {
    await model.warmup(64);
    let where = "here";
    try {
      model.members;
    } catch {
      where = "thread";
    }
    model.dispose();
    console.log(JSON.stringify({ where, notes }));
  });
`;
const NO_THREAD =
  "no worker thread: dist/modelWorker.js of this package is not next to the running code, as in a bundle; the model runs on the caller's thread";

describe("the Node entry in bundles", () => {
  let project: UserProject;
  let elsewhere: string;

  beforeAll(() => {
    project = createUserProject();
    writeServer(project.folder);
    writeFileSync(join(project.folder, "where.js"), WHERE);
    elsewhere = `${project.folder}-elsewhere`;
  });
  afterAll(() => {
    project?.dispose();
    rmSync(elsewhere, { recursive: true, force: true });
  });

  const run = (program: string): unknown => runServer([process.execPath, program], join(project.folder, "inputs"));

  test("works without a bundler", () => {
    expect(run(join(project.folder, "main.js"))).toEqual(SERVER_ANSWER);
  });

  test.each([
    ["esm", bundleWithEsbuild],
    ["cjs", bundleWithEsbuildMinified],
  ] as const)(
    "the model runs in a thread if installed; in a bundle, %s, a note says why not",
    async (format, bundle) => {
      const main = join(project.folder, "where.js");
      expect(runJson([process.execPath, main], project.folder)).toEqual({ where: "thread", notes: [] });
      // A folder of that name is common, and no reason to look for a thread's program in it.
      const out = join(project.folder, "dist", `where.${EXTENSION[format]}`);
      await bundle(main, out, format);
      expect(runJson([process.execPath, out], project.folder)).toEqual({ where: "here", notes: [NO_THREAD] });
    },
  );

  test("consists of ES modules only, because development servers run it unbundled and without require()", async () => {
    const entryPoints = [join(project.folder, "main.js")];
    const options = { bundle: true, platform: "node", format: "esm", write: false, logLevel: "silent" } as const;
    const { metafile } = await esbuild({ entryPoints, ...options, metafile: true });
    const inputs = Object.entries(metafile.inputs);
    expect(inputs.length).toBeGreaterThan(10);
    expect(inputs.flatMap(([path, { format }]) => (format === "cjs" ? [path] : []))).toEqual([]);
  });

  test.each([
    ["esm", "as it is", bundleWithEsbuild],
    ["cjs", "minified", bundleWithEsbuildMinified],
  ] as const)(
    "esbuild, %s %s: runs if the package is installed or the model is next to it, else says what is missing",
    async (format: Format, _, bundle) => {
      const file = `main.${EXTENSION[format]}`;
      const out = join(project.folder, `esbuild-${format}`);
      await bundle(join(project.folder, "main.js"), join(out, file), format);
      expect(run(join(out, file))).toEqual(SERVER_ANSWER);
      cpSync(out, elsewhere, { recursive: true });
      expect(run(join(elsewhere, file))).toBe(NOT_WITH_BUNDLE);
      const model = join(project.folder, "node_modules/yolov5-ts/models/codes.safetensors");
      cpSync(model, join(elsewhere, "codes.safetensors"));
      expect(run(join(elsewhere, file))).toEqual(SERVER_ANSWER);
      rmSync(elsewhere, { recursive: true });
    },
  );
});
