/**
 * Real exports after ONNX Runtime's optimisation. Level "basic" folds constants and drops nodes, as simplifiers do: such
 * files are the same networks, at every size. Level "extended" puts in operators of its own, which are refused by name.
 */

import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openWasm } from "../../src/node/wasm.js";
import type { Backend } from "../../src/runtime/backend.js";
import { createMember } from "../../src/yolov5/loadModel.js";
import { openOnnx } from "../../src/yolov5/onnx/index.js";
import { allOr } from "../support/full.js";
import { randomTensor } from "../support/random.js";
import { REFERENCE, referenceMissing } from "../support/reference.js";
import { onnxRuntime } from "./support/onnxRuntime.js";

const runtime = onnxRuntime();
const missing = referenceMissing("weights", "onnx");
const exported = (name: string): string => join(REFERENCE, "weights", "onnx", `${name}.onnx`);
const ALL = missing ? [] : readdirSync(join(REFERENCE, "weights", "onnx")).map((file) => file.replace(/\.onnx$/, ""));
/** One of each head and task, fixed and open shapes. */
const NAMES = allOr(ALL, ["26", "crops", "poses-cls", "v5u", "v8-seg", "zoo-p6"]);

describe.skipIf(!runtime || missing)("exports that ONNX Runtime optimised", () => {
  let backend: Backend;
  let folder: string;
  beforeAll(async () => {
    backend = await openWasm();
    folder = mkdtempSync(join(tmpdir(), "optimized-"));
  });
  afterAll(() => {
    backend.dispose();
    rmSync(folder, { recursive: true });
  });

  async function optimized(name: string, level: string): Promise<Uint8Array> {
    const path = join(folder, `${name}.${level}.onnx`);
    const options = { graphOptimizationLevel: level, optimizedModelFilePath: path };
    await (await runtime?.InferenceSession.create(exported(name), options))?.release();
    return new Uint8Array(readFileSync(path));
  }

  function open(bytes: Uint8Array, path: string) {
    const checkpoint = openOnnx(bytes, path);
    if (!checkpoint.module) throw new Error("no module");
    return createMember({ module: checkpoint.module, checkpoint }, backend, { path });
  }

  it.for(NAMES)("%s: the same network after the basic level", async (name) => {
    const [found, wanted] = [
      open(await optimized(name, "basic"), "basic.onnx"),
      open(new Uint8Array(readFileSync(exported(name))), "whole.onnx"),
    ];
    expect(found.info).toEqual({ ...wanted.info, path: "basic.onnx" });
    for (const size of [
      [256, 256],
      [192, 320],
    ]) {
      const input = randomTensor([1, 3, ...size], 5, 0.5);
      const outputs = [await found.network.forward(input), await wanted.network.forward(input)];
      expect(outputs[0]).toEqual(outputs[1]);
    }
    for (const { network } of [found, wanted]) network.dispose();
  });

  it.for(NAMES)("%s: refused after the extended level, naming operator and node", async (name) => {
    const bytes = await optimized(name, "extended");
    expect(() => openOnnx(bytes, "best.onnx")).toThrow(
      /^best\.onnx: cannot be run: operator com\.microsoft\.\w+ \(.*model\.0.*\): ONNX Runtime put it there; give the export that the file was made from$/,
    );
  });
});
