/** Compares a model with PyTorch's recorded layers and names the first that diverges. */

import { CheckpointError } from "../errors.js";
import {
  compare,
  elementCount,
  formatShape,
  type HostTensor,
  reshape,
  sameShape,
  tensor,
  toFloat32,
} from "../tensor/index.js";
import { readSafetensors } from "../weights/index.js";
import type { ModelInfo } from "./checkpoint/modelInfo.js";
import type { BuiltGraph } from "./graph/buildGraph.js";
import type { HeadFacts } from "./graph/heads.js";
import { floatLimits } from "./graph/roundingLimits.js";
import { membersOf } from "./membersOf.js";
import type { InputShape } from "./network.js";
import { softmax } from "./output/classify.js";
import { endToEndOutput } from "./output/nms/endToEnd.js";
import type { Device } from "./runner.js";

/** One layer compared with PyTorch's. */
export interface LayerComparison {
  /** `layer.0` … `head.0` … `prediction`, `proto`, as in the reference file. */
  readonly name: string;
  /** Largest |actual − expected|; null if it is not a number. */
  readonly maxAbs: number;
  readonly nmse: number;
  /** Maximum NMSE that counts as equal; absent for `prediction`, which is compared in pixels and scores. */
  readonly limit?: number;
  readonly ok: boolean;
}

/** The result of `verifyModel`. */
export interface Verification {
  readonly ok: boolean;
  readonly layers: readonly LayerComparison[];
  readonly firstDiverging: string | null;
  readonly backend: Device;
}

interface VerifiableMember {
  readonly network: { build(shape: InputShape): Pick<BuiltGraph, "graph" | "head"> };
}

/** What `verifyModel` needs from a model; satisfied by any `Model`. */
export interface VerifiableModel {
  readonly info: Pick<ModelInfo, "layers">;
  readonly device: Verification["backend"];
  /** The first one is verified. */
  readonly members: readonly VerifiableMember[];
  /** Like `Model.openMembers`; absent if `members` has them. */
  openMembers?(): Promise<readonly VerifiableMember[]>;
  /** Like `Model.tap`. */
  tap(names: readonly string[], input: HostTensor): Promise<Map<string, HostTensor>>;
}

/** Tolerances. */
export interface VerifyTolerance {
  /**
   * Maximum normalised mean squared error of a layer. By default it is derived per layer from float32 rounding, with
   * a margin (`roundingLimits`). In float16, where rounding alone causes up to 2e-5 in the deepest layers, 1e-4.
   */
  readonly nmse?: number | undefined;
  /** Maximum error of a decoded box coordinate, in input pixels. Default 0.01. */
  readonly box?: number | undefined;
  /** Maximum error of objectness, class scores and mask coefficients. Default 1e-4. */
  readonly score?: number | undefined;
}

/** PyTorch's head.i [1, na, H, W, no] from the convolution's [1, na·no, H, W]. */
function headFromMap(map: HostTensor, expected: readonly number[]): HostTensor {
  const [, na, h, w, no] = expected;
  const source = toFloat32(map).data;
  const out = new Float32Array(source.length);
  for (let a = 0, i = 0; a < na; a++) {
    for (let p = 0; p < h * w; p++) {
      for (let k = 0; k < no; k++) out[i++] = source[(a * no + k) * h * w + p];
    }
  }
  return tensor("float32", expected, out);
}

/** Up to this NMSE of a head's output, its decoded boxes must meet the unscaled limits. */
const QUIET_HEAD = 1e-12;

/**
 * Compares boxes in pixels and everything else in score units: a mean over both would hide a wrong score behind large
 * boxes. A prediction cannot be more accurate than the head it is decoded from, so beyond `QUIET_HEAD` (networks with
 * random weights amplify rounding) the limits grow with the head's own deviation.
 */
function comparePrediction(
  actual: HostTensor,
  expected: HostTensor,
  limits: { readonly box: number; readonly score: number },
  headNmse: number,
  head: HeadFacts,
): LayerComparison {
  const { nmse, maxAbs } = compare(actual, expected);
  const columns = expected.shape[2];
  const growth = Math.sqrt(Math.max(1, headNmse / QUIET_HEAD));
  const pixels = Array.from({ length: columns }, (_, column) => isPixels(column, columns, head));
  let ok = true;
  for (let i = 0; i < expected.data.length; i++) {
    const limit = growth * (pixels[i % columns] ? limits.box : limits.score);
    if (!(Math.abs(Number(actual.data[i]) - Number(expected.data[i])) <= limit)) ok = false;
  }
  return { name: "prediction", maxAbs, nmse, ok };
}

/** Whether a column of a prediction is a place or a size: a box's, or a keypoint's. */
function isPixels(column: number, columns: number, { keypoints }: HeadFacts): boolean {
  if (column < 4 || !keypoints) return column < 4;
  const first = columns - keypoints.count * keypoints.size;
  return column >= first && (column - first) % keypoints.size < 2;
}

/** A head's output as PyTorch returns it: boxes of an end-to-end head chosen, the newer package's classes as probabilities. */
function asReturned(output: HostTensor, { kind, family, classes, endToEnd }: HeadFacts): HostTensor {
  if (endToEnd) return endToEndOutput(output, classes);
  if (kind !== "classify" || family === "yolov5") return output;
  return tensor("float32", output.shape, softmax(toFloat32(output).data));
}

/** [1, columns, rows], as heads without anchors return it, as [1, rows, columns]. */
function rowsFromColumns({ shape, data: source }: HostTensor): HostTensor {
  if (shape.length !== 3) return tensor("float32", shape, Float32Array.from(source, Number));
  const [n, columns, rows] = shape;
  const data = new Float32Array(source.length);
  for (let i = 0; i < data.length; i++) {
    const [row, column] = [Math.floor(i / columns) % rows, i % columns];
    data[i] = Number(source[(Math.floor(i / (columns * rows)) * columns + column) * rows + row]);
  }
  return tensor("float32", [n, rows, columns], data);
}

/** The layers of a reference in the order of computation. */
function orderOf(name: string): number {
  const layer = /^layer\.(\d+)$/.exec(name);
  if (layer) return Number(layer[1]);
  const head = /^head\.(\d+)$/.exec(name);
  if (head) return 1e6 + Number(head[1]);
  return name === "proto" ? 2e6 : 3e6;
}

/** The module that produces a tensor of the reference. */
export function tapOf(name: string, headIndex: number): string | undefined {
  const layer = /^layer\.(\d+)$/.exec(name);
  if (layer) return `model.${layer[1]}`;
  const head = /^head\.(\d+)$/.exec(name);
  if (head) return `model.${headIndex}.m.${head[1]}`;
  if (name === "proto") return `model.${headIndex}.proto`;
  return name === "prediction" ? `model.${headIndex}` : undefined;
}

/** The picture of a reference as network input. */
export function referenceInput(tensors: ReadonlyMap<string, HostTensor>, path: string): HostTensor {
  const picture = tensors.get("input_rgb_u8");
  if (picture?.shape.length !== 3 || picture.shape[2] !== 3) {
    throw new CheckpointError(`${path}: has no tensor input_rgb_u8 [H, W, 3]; give a *.layers.safetensors reference`, {
      path,
    });
  }
  const [h, w] = picture.shape;
  const bytes = picture.data as Uint8Array;
  const data = new Float32Array(3 * h * w);
  for (let c = 0; c < 3; c++) for (let i = 0; i < h * w; i++) data[c * h * w + i] = bytes[i * 3 + c] / 255;
  if (bytes.length !== 3 * h * w || picture.dtype !== "uint8") {
    throw new CheckpointError(`${path}: input_rgb_u8 must be uint8, got ${picture.dtype}`, { path });
  }
  return tensor("float32", [1, 3, h, w], data);
}

/** `verifyModel` of the public interface. */
export async function verifyModel(
  model: VerifiableModel,
  reference: Uint8Array,
  tolerance: VerifyTolerance = {},
  path = "reference",
): Promise<Verification> {
  const { tensors } = readSafetensors(reference, { path });
  const input = referenceInput(tensors, path);
  const [, , h, w] = input.shape;
  const headIndex = model.info.layers - 1;
  const names = [...tensors.keys()].filter((name) => tapOf(name, headIndex)).sort((a, b) => orderOf(a) - orderOf(b));
  if (names.length === 0) {
    throw new CheckpointError(`${path}: has no layer to compare (layer.0, head.0, prediction, …)`, { path });
  }
  const taps = names.map((name) => tapOf(name, headIndex) ?? name);
  const values = await model.tap([...new Set(taps)], input);
  const { name: backend, dtype } = model.device;
  const [{ network }] = await membersOf<VerifiableMember>(model);
  const { graph, head } = network.build([1, 3, h, w]);
  const limits = floatLimits(graph, taps, input, backend);
  const fixed = tolerance.nmse ?? (dtype === "float16" ? 1e-4 : undefined);
  // Heads are compared before the prediction that is decoded from them.
  let headNmse = 0;
  const layers: LayerComparison[] = [];
  for (const [i, name] of names.entries()) {
    let expected = tensors.get(name) as HostTensor;
    let actual = values.get(taps[i]) as HostTensor;
    if (name === "prediction") {
      actual = asReturned(actual, head);
      if (head.family === "ultralytics" && !head.endToEnd && head.kind !== "classify")
        expected = rowsFromColumns(expected);
    }
    // Head outputs and classifier vectors have different ranks in the reference.
    const fits =
      actual.shape.length === expected.shape.length
        ? sameShape(actual.shape, expected.shape)
        : elementCount(actual.shape) === elementCount(expected.shape);
    if (!fits) {
      throw new CheckpointError(
        `${path}: ${name} is ${formatShape(expected.shape)}, the model's output ${formatShape(actual.shape)}; it is the reference of another model`,
        { path, name, expected: expected.shape, actual: actual.shape },
      );
    }
    if (name.startsWith("head.")) actual = headFromMap(actual, expected.shape);
    if (name === "prediction") {
      const units = { box: tolerance.box ?? 0.01, score: tolerance.score ?? 1e-4 };
      layers.push(comparePrediction(actual, expected, units, headNmse, head));
      continue;
    }
    if (actual.shape.length !== expected.shape.length) actual = reshape(actual, expected.shape);
    const { maxAbs, nmse } = compare(actual, expected);
    if (name.startsWith("head.")) headNmse = Math.max(headNmse, nmse);
    const limit = fixed ?? (await limits.of(taps[i], nmse));
    layers.push({ name, maxAbs, nmse, limit, ok: nmse <= limit });
  }
  const firstDiverging = layers.find((layer) => !layer.ok)?.name ?? null;
  return { ok: firstDiverging === null, layers, firstDiverging, backend: model.device };
}
