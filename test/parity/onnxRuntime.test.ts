/** The raw outputs of ONNX exports beside ONNX Runtime's of the same file. It is installed for those who measure peers only. */

import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { decodeImage } from "../../src/image/index.js";
import { openWasm } from "../../src/node/wasm.js";
import { createCpuBackend } from "../../src/runtime/cpu/backend.js";
import { letterbox, toTensor } from "../../src/yolov5/input/letterbox.js";
import { createMember } from "../../src/yolov5/loadModel.js";
import { openOnnx } from "../../src/yolov5/onnx/index.js";
import { REFERENCE, REPOSITORY, referenceMissing } from "../support/reference.js";
import { pictureNamed } from "./support/references.js";

/** What the tests use of onnxruntime-node. */
interface Runtime {
  readonly InferenceSession: {
    create(bytes: Uint8Array): Promise<{
      readonly outputNames: readonly string[];
      run(feeds: object): Promise<Record<string, { dims: number[]; data: Float32Array }>>;
    }>;
  };
  readonly Tensor: new (type: "float32", data: Float32Array, shape: readonly number[]) => object;
}

const PEERS = join(REPOSITORY, "bench", "peers");
const installed = existsSync(join(PEERS, "node_modules", "onnxruntime-node"));
if (!installed)
  console.warn("skipped: ONNX Runtime is not installed in bench/peers (npm ci --prefix bench/peers --ignore-scripts)");

/** Trained networks on WASM; those of random weights, which amplify the rounding of float32, on the reference in float64. */
const TRAINED = ["yolov5n", "crops", "poses-cls"];
const RANDOM = ["zoo-seg", "zoo-p6", "v5u", "v8", "v8-seg", "26"];
const LIMIT = 1e-3;
/** Pixels are compared in cells of the finest level. */
const CELL = 8;

/** [1, columns, rows] as [1, rows, columns]. */
function transposed([, columns, rows]: readonly number[], data: Float32Array): Float32Array {
  return Float32Array.from(data, (_, i) => data[(i % columns) * rows + Math.floor(i / columns)]);
}

/** The largest difference, of numbers above 1 a share of them. @param columns of a row, 0 where there are no boxes. */
function worst(found: ArrayLike<number>, wanted: ArrayLike<number>, columns: number): number {
  let most = 0;
  for (let i = 0; i < wanted.length; i++) {
    const unit = columns > 0 && i % columns < 4 ? CELL : 1;
    most = Math.max(most, Math.abs(found[i] - wanted[i]) / Math.max(unit, Math.abs(wanted[i])));
  }
  return most;
}

/** Rows of an end-to-end head that the other has not: near ties stand in another order, and the last one cuts some off. */
function strayRows(found: Float32Array, wanted: Float32Array, columns: number): number {
  const rows = (data: Float32Array) =>
    Array.from({ length: data.length / columns }, (_, row) => data.subarray(row * columns, (row + 1) * columns));
  const theirs = rows(wanted);
  return rows(found).filter(
    (row) => !theirs.some((other) => other[5] === row[5] && worst(row, other, columns) <= LIMIT),
  ).length;
}

describe.skipIf(!installed || referenceMissing("weights", "onnx"))("raw outputs as in ONNX Runtime", () => {
  it.for([...TRAINED, ...RANDOM])("%s", async (name) => {
    const { InferenceSession, Tensor } = createRequire(join(PEERS, "package.json"))("onnxruntime-node") as Runtime;
    const path = join(REFERENCE, "weights/onnx", `${name}.onnx`);
    const bytes = new Uint8Array(readFileSync(path));
    const checkpoint = openOnnx(bytes, path);
    if (!checkpoint.module) throw new Error("no module");
    const backend = TRAINED.includes(name) ? await openWasm() : createCpuBackend();
    const { network, info } = createMember({ module: checkpoint.module, checkpoint }, backend, { path });
    const file = pictureNamed("bus.jpg");
    const size = info.imgsz ?? ([320, 320] as const);
    const picture = await decodeImage(new Uint8Array(readFileSync(file)), { path: file });
    const input = toTensor([letterbox(picture, { size, stride: 32, auto: false }).image]);
    const session = await InferenceSession.create(bytes);
    const theirs = await session.run({ images: new Tensor("float32", input.data as Float32Array, input.shape) });
    const ours = await network.forward(input);
    expect(ours.length).toBeLessThanOrEqual(session.outputNames.length);
    for (const [i, output] of ours.entries()) {
      const { dims, data } = theirs[session.outputNames[i]];
      const columnsFirst = i === 0 && info.family === "ultralytics" && !info.endToEnd;
      const wanted = columnsFirst ? transposed(dims, data) : data;
      const found = output.data as Float32Array;
      const columns = output.shape.length === 3 ? output.shape[2] : 0;
      expect(found.length).toBe(wanted.length);
      if (info.endToEnd) expect(strayRows(found, wanted, columns)).toBeLessThanOrEqual(3);
      else expect(worst(found, wanted, columns), `output ${i}`).toBeLessThanOrEqual(LIMIT);
    }
    backend.dispose();
  });
});
