/** ONNX exports in Node: the files beside them that hold their weights, and those that must not be read. */

import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { load } from "../../src/node.js";
import { writeOnnx } from "../support/onnxWriter.js";
import { tinyExport } from "../yolov5/onnx/tinyExport.js";

const PICTURE = {
  width: 64,
  height: 48,
  channels: 3 as const,
  data: new Uint8Array(64 * 48 * 3).map((_, i) => (i * 7) % 256),
};

/**
 * The export with one file of weights at a location; returns what belongs into that file.
 * @param asNodes its constants are nodes with a tensor as their attribute.
 */
function withWeightsAt(location: string, asNodes = false): { bytes: Uint8Array; beside: Uint8Array } {
  const { constants, ...file } = tinyExport();
  const parts: Uint8Array[] = [];
  let offset = 0;
  const inside = Object.entries(constants).filter(([, { dtype }]) => dtype !== "float32");
  const external = Object.entries(constants).flatMap(([name, { dtype, shape, data }]) => {
    if (dtype !== "float32") return [];
    const entries = { location, offset: String(offset), length: String(data.byteLength) };
    parts.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    offset += data.byteLength;
    return [[name, { shape, entries }] as const];
  });
  const nodes = external.map(([name, tensor]) => ({
    operator: "Constant",
    inputs: [],
    outputs: [name],
    attributes: { value: { external: tensor } },
  }));
  const apart = asNodes ? { nodes: [...nodes, ...file.nodes] } : { external: Object.fromEntries(external) };
  const bytes = writeOnnx({ ...file, constants: Object.fromEntries(inside), ...apart });
  return { bytes, beside: new Uint8Array(Buffer.concat(parts)) };
}

describe("an ONNX export with its weights in another file", () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "onnx-"));
    mkdirSync(join(folder, "model"));
    path = join(folder, "model", "best.onnx");
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it.each([
    ["best.data", false],
    ["weights/best.data", false],
    ["./best.data", false],
    ["best.data", true],
  ])("at %s is read (constants as nodes: %s)", async (location, asNodes) => {
    const { bytes, beside } = withWeightsAt(location, asNodes);
    writeFileSync(path, bytes);
    mkdirSync(join(folder, "model", "weights"));
    writeFileSync(join(folder, "model", location), beside);
    const model = await load(path, { backend: "cpu" });
    const whole = await load(writeOnnx(tinyExport()), { backend: "cpu" });
    const options = { conf: 0.01, imgsz: 64 };
    const [found, wanted] = [await model.detect(PICTURE, options), await whole.detect(PICTURE, options)];
    expect(JSON.parse(JSON.stringify(wanted)).detections.length).toBeGreaterThan(0);
    expect(found.toJSON()).toMatchObject({ detections: JSON.parse(JSON.stringify(wanted)).detections });
    model.dispose();
    whole.dispose();
  });

  it.each(["../secret.data", "/etc/passwd", "a/../../secret.data", "C:\\secret.data", "..\\secret.data", "link.data"])(
    "at %s is refused",
    async (location) => {
      for (const asNodes of [false, true]) {
        const { bytes, beside } = withWeightsAt(location, asNodes);
        writeFileSync(path, bytes);
        writeFileSync(join(folder, "secret.data"), beside);
        if (!asNodes) symlinkSync(join(folder, "secret.data"), join(folder, "model", "link.data"));
        await expect(load(path, { backend: "cpu" })).rejects.toThrow(
          /best\.onnx: its weights are in .*, which is outside its folder; only files in that folder are read/,
        );
      }
    },
  );

  it("that is missing or a folder is reported in one sentence", async () => {
    for (const [location, reason] of [
      ["missing.data", /its weights are in missing\.data: no such file; put it next to the \.onnx file/],
      [".", /which is outside its folder/],
    ] as const) {
      writeFileSync(path, withWeightsAt(location).bytes);
      await expect(load(path, { backend: "cpu" })).rejects.toThrow(reason);
    }
  });

  it("given as bytes is refused, with advice", async () => {
    await expect(load(withWeightsAt("best.data").bytes, { backend: "cpu" })).rejects.toThrow(
      /checkpoint: keeps its weights in another file \(best\.data\), which cannot be read from here: give the path/,
    );
  });

  it("takes names from the caller if it has none", async () => {
    const bytes = writeOnnx({ ...tinyExport(), metadata: {} });
    const model = await load(bytes, { backend: "cpu", names: ["cat", "dog"] });
    expect(model.names).toEqual(["cat", "dog"]);
    model.dispose();
    const named = await load(writeOnnx(tinyExport()), { backend: "cpu", names: { 0: "cat", 1: "dog" } });
    expect(named.names).toEqual(["a", "b"]);
    named.dispose();
  });
});
