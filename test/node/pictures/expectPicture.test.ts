/** The network is compiled for the first picture before its pixels are there: for the very size that it then needs. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { decodeImage } from "../../../src/image/index.js";
import { expectPicture } from "../../../src/node/pictures/expectPicture.js";
import { openWasm } from "../../../src/node/wasm.js";
import type { Backend } from "../../../src/runtime/backend.js";
import { Ensemble } from "../../../src/yolov5/ensemble.js";
import { createMember, openModel } from "../../../src/yolov5/loadModel.js";
import { type DetectOptions, resolveOptions } from "../../../src/yolov5/options.js";
import { Pipeline } from "../../../src/yolov5/pipeline.js";
import { type DecodeFixtures, readFixture } from "../../image/support.js";
import { REPOSITORY } from "../../support/reference.js";

const { files } = readFixture<DecodeFixtures>("decode.json");
const bytesOf = (name: string): Uint8Array => new Uint8Array(Buffer.from(files[name].base64, "base64"));
const EXAMPLE = new Uint8Array(readFileSync(join(REPOSITORY, "examples", "codes.png")));
const opened = openModel(new Uint8Array(readFileSync(join(REPOSITORY, "models", "codes.safetensors"))), {
  path: "codes",
});

describe("a first picture", () => {
  let backend: Backend;
  /** Input shapes that were compiled. */
  const shapes: string[] = [];
  beforeAll(async () => {
    backend = await openWasm({ threads: 1 });
    const { compile } = backend;
    vi.spyOn(backend, "compile").mockImplementation((graph, options) => {
      shapes.push(graph.values[graph.inputs[0]].shape.join("×"));
      return compile.call(backend, graph, options);
    });
  });
  beforeEach(() => {
    shapes.length = 0;
  });
  afterAll(() => backend.dispose());

  function models() {
    const members = [createMember(opened, backend, { path: "codes" })];
    const pipeline = new Pipeline(new Ensemble(members), backend);
    const resolve = (options: DetectOptions) => resolveOptions(options, members[0].info);
    return { members, pipeline, resolve };
  }

  it.each([
    ["orientation 1.jpg", {}],
    ["orientation 6.jpg", {}],
    ["orientation 6.png", {}],
    ["orientation 8.jpg", { fit: "square" }],
    ["sampling 2x2 progressive.jpg", { imgsz: [96, 160] }],
    ["17 x 1.jpg", { fit: "autoshape" }],
  ] as const)("%s %j compiles once", async (name, given) => {
    const { members, pipeline, resolve } = models();
    const options = resolve({ imgsz: 128, ...given });
    await expectPicture(pipeline, members, bytesOf(name), options);
    expect(shapes).toHaveLength(1);
    await pipeline.outcomes([{ image: await decodeImage(bytesOf(name)) }], options);
    expect(shapes).toHaveLength(1);
  });

  it.each(["ends in its header.jpg", "damaged baseline 0.jpg"])(
    "%s leaves the refusal to the decoder",
    async (name) => {
      const { members, pipeline, resolve } = models();
      await expect(expectPicture(pipeline, members, bytesOf(name), resolve({ imgsz: 128 }))).resolves.toBeUndefined();
    },
  );

  it("compiles nothing for windows and test-time augmentation, nor for later pictures", async () => {
    for (const given of [{ slice: 64 }, { augment: true }]) {
      const { members, pipeline, resolve } = models();
      await expectPicture(pipeline, members, EXAMPLE, resolve(given));
    }
    expect(shapes).toEqual([]);
    const { members, pipeline, resolve } = models();
    await expectPicture(pipeline, members, EXAMPLE, resolve({ imgsz: 128 }));
    await expectPicture(pipeline, members, bytesOf("orientation 1.jpg"), resolve({ imgsz: 128 }));
    expect(shapes).toHaveLength(1);
  });

  it("whose network cannot be compiled fails in its own run", async () => {
    const { members, pipeline, resolve } = models();
    vi.mocked(backend.compile).mockRejectedValueOnce(new Error("no memory"));
    const options = resolve({ imgsz: 128 });
    await expect(expectPicture(pipeline, members, EXAMPLE, options)).resolves.toBeUndefined();
    const [outcome] = await pipeline.outcomes([{ image: await decodeImage(EXAMPLE) }], options);
    expect(outcome).toBeDefined();
  });
});
