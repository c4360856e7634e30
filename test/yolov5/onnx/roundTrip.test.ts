/** What this engine exports as ONNX it loads again: the same outputs, at the file's own input size and at another. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { onnxOptions } from "../../../src/cli/export/exportOnnx.js";
import { openWasm } from "../../../src/node/wasm.js";
import { exportOnnx } from "../../../src/onnx/index.js";
import { optimize } from "../../../src/ops/index.js";
import type { Backend } from "../../../src/runtime/backend.js";
import { compare } from "../../../src/tensor/index.js";
import { createMember, openModel } from "../../../src/yolov5/loadModel.js";
import type { Member } from "../../../src/yolov5/model.js";
import { openOnnx } from "../../../src/yolov5/onnx/index.js";
import { randomTensor } from "../../support/random.js";
import { REPOSITORY, referencePath } from "../../support/reference.js";

const FIXTURES = ["v6", "csp", "seg", "cls", "assorted"].map((name) =>
  join(REPOSITORY, "test/fixtures/pytorch", `${name}.pt`),
);

function checkpointsIn(folder: string): string[] {
  const path = referencePath("weights", folder);
  const names = path ? readdirSync(path).filter((name) => name.endsWith(".pt")) : [];
  return names.map((name) => join(path ?? "", name));
}

const FILES = [...FIXTURES, ...checkpointsIn("zoo"), ...checkpointsIn("anchor-free")];
const [SIZE, OTHER] = [128, 192];

function exported({ network, info }: Member): Uint8Array {
  const shape = [1, 3, SIZE, SIZE] as const;
  return exportOnnx(optimize(network.build(shape).graph), onnxOptions(info, shape));
}

describe("an ONNX file of this engine", () => {
  let backend: Backend;
  beforeAll(async () => {
    backend = await openWasm();
  });
  afterAll(() => backend.dispose());

  it.for(FILES)("%s", async (path) => {
    const original = createMember(openModel(new Uint8Array(readFileSync(path)), { path }), backend, { path });
    const checkpoint = openOnnx(exported(original), path);
    if (!checkpoint.module) throw new Error("no module");
    const loaded = createMember({ module: checkpoint.module, checkpoint }, backend, { path });
    const facts = ({ info }: Member) => {
      const { task, family, endToEnd, names, strides, anchors, maskCoefficients, keypoints } = info;
      return { task, family, endToEnd, names, strides, anchors, maskCoefficients, keypoints };
    };
    expect(facts(loaded)).toEqual(facts(original));
    expect(loaded.info.defaultImgsz).toEqual([SIZE, SIZE]);
    for (const size of [SIZE, OTHER]) {
      const input = randomTensor([1, 3, size, size], 5);
      const [found, wanted] = [await loaded.network.forward(input), await original.network.forward(input)];
      expect(found.map(({ shape }) => shape)).toEqual(wanted.map(({ shape }) => shape));
      for (const [i, output] of found.entries()) expect(compare(output, wanted[i]).nmse).toBeLessThan(1e-9);
    }
    loaded.network.dispose();
    original.network.dispose();
  });
});
