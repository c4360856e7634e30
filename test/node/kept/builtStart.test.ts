/** The built command and library, started again: what they keep, and of which weights. */

import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, rmSync, statSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { built, run } from "../../cli/builtRuns.js";
import { EXAMPLE } from "../../cli/support.js";
import { REPOSITORY } from "../../support/reference.js";

const WEIGHTS = join(REPOSITORY, "models", "codes.safetensors");
/** Packed weights take more. */
const LEAST_WEIGHTS = 2 ** 20;
const ARGS = ["detect", "--weights", WEIGHTS, "--source", EXAMPLE, "--backend", "wasm", "--threads", "2"];

describe.skipIf(!built)("the built package", () => {
  let folder: string;
  let env: NodeJS.ProcessEnv;
  const kept = (): string[] => {
    const prepared = join(folder, "cache", "prepared");
    return existsSync(prepared) ? readdirSync(prepared).sort() : [];
  };
  const sizes = (): number[] => kept().map((name) => statSync(join(folder, "cache", "prepared", name)).size);
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "yolov5-start-"));
    env = { ...process.env, YOLOV5_CACHE: join(folder, "cache") };
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  /** Loads in the library, as `load(…)` says, and detects. */
  function library(load: string): string {
    const entry = pathToFileURL(join(REPOSITORY, "dist", "node.js")).href;
    const program = `
      import { readFileSync } from "node:fs";
      import { load } from ${JSON.stringify(entry)};
      const weights = ${JSON.stringify(WEIGHTS)};
      const model = await ${load};
      console.log(JSON.stringify((await model.detect(${JSON.stringify(EXAMPLE)})).detections));
      model.dispose();`;
    const argv = ["--input-type=module", "--eval", program];
    return execFileSync(process.execPath, argv, { env, encoding: "utf8" });
  }

  it("keeps nothing if the user wants none, and of weights that are given as bytes no more than kernels", async () => {
    library(`load(weights, { backend: "wasm", cache: false })`);
    await run(folder, ARGS, { env: { ...env, YOLOV5_DISABLE_PREPARED_CACHE: "1" } });
    expect(kept()).toEqual([]);
    const ofBytes = library(`load(readFileSync(weights), { backend: "wasm" })`);
    expect(JSON.parse(ofBytes).length).toBeGreaterThan(1);
    expect(sizes().length).toBeGreaterThan(0);
    expect(Math.max(...sizes())).toBeLessThan(LEAST_WEIGHTS);
    expect(library(`load(readFileSync(weights), { backend: "wasm" })`)).toBe(ofBytes);
    library(`load(weights, { backend: "wasm" })`);
    expect(Math.max(...sizes())).toBeGreaterThan(LEAST_WEIGHTS);
    rmSync(join(folder, "cache"), { recursive: true });
  });

  it("detects the same from what it kept, in the library too", async () => {
    const first = await run(folder, ARGS, { env });
    const files = kept();
    expect(files.length).toBeGreaterThan(1);
    const second = await run(folder, ARGS, { env });
    expect(second.files).toEqual(first.files);
    const inLibrary = library(`load(weights, { backend: "wasm", threads: 2 })`);
    expect(JSON.parse(inLibrary).length).toBeGreaterThan(1);
    // Nothing is written that is there already.
    expect(kept()).toEqual(files);
    expect(library(`load(weights, { backend: "wasm", threads: 2, cache: false })`)).toBe(inLibrary);
    expect(library(`load(weights, { backend: "wasm", worker: false, threads: 2 })`)).toBe(inLibrary);
  });

  it("keeps weights that are given as bytes if the user wants it", () => {
    const before = kept();
    rmSync(join(folder, "cache", "prepared"), { recursive: true });
    library(`load(readFileSync(weights), { backend: "wasm", threads: 2, cache: true })`);
    expect(kept()).toEqual(before);
  });
});
