/** `export --include onnx`: writes the optimised graph at one input size, for other engines. */

import { Breather } from "../../breathe.js";
import type { QuantizationFacts } from "../../compress/quantize/index.js";
import { exportOnnx, type OnnxOptions, OPSET } from "../../onnx/index.js";
import { optimizePieces } from "../../ops/index.js";
import { VERSION } from "../../version.js";
import type { ModelInfo } from "../../yolov5/checkpoint/modelInfo.js";
import type { Member } from "../../yolov5/model.js";
import { END_TO_END_BOXES } from "../../yolov5/output/nms/endToEnd.js";
import { UsageError } from "../errors.js";
import type { ExportFlags } from "../options/flags.js";
import { inputSize } from "../options/sizeNote.js";
import type { ExportedFile } from "./exportedFile.js";

export async function onnxFile(
  { network, info }: Member,
  { imgsz, batchSize }: ExportFlags,
  options: {
    readonly onWarning: (text: string) => void;
    readonly signal: AbortSignal;
    /** Of an int8 model. */
    readonly int8?: QuantizationFacts | undefined;
  },
): Promise<ExportedFile> {
  const { onWarning, signal, int8 } = options;
  const [h, w] = inputSize(info, { imgsz }, onWarning);
  const shape = [batchSize, 3, h, w] as const;
  const breather = new Breather(signal);
  const graph = await breather.through(optimizePieces(network.build(shape).graph));
  await breather.rest();
  return {
    bytes: exportOnnx(graph, { ...onnxOptions(info, shape), quantized: int8 !== undefined }),
    summary: `opset ${OPSET}, input ${shape.join("×")}${int8 ? `, ${int8.convolutions} convolutions in int8` : ""}`,
    details: { opset: OPSET, input: shape, ...(int8 ? { int8 } : {}) },
  };
}

/** What engines that read exports of the model's family expect of its outputs and metadata. */
export function onnxOptions(info: ModelInfo, [batch, , h, w]: readonly number[]): OnnxOptions {
  const { task, family, endToEnd, keypoints } = info;
  // detect.py reads these two: the stride as a number, the names as a Python dictionary.
  const both = { stride: String(info.stride), names: pythonDictionary(info.names) };
  if (family === "yolov5") return { metadata: both, version: VERSION };
  const metadata = {
    ...both,
    task,
    batch: String(batch),
    imgsz: `[${h}, ${w}]`,
    ...(keypoints ? { kpt_shape: `[${keypoints.count}, ${keypoints.size}]` } : {}),
    ...(endToEnd ? { end2end: "True" } : {}),
  };
  const headForm = task === "classify" ? "softmax" : endToEnd ? { best: END_TO_END_BOXES } : "columnsFirst";
  return { metadata, headForm, version: VERSION };
}

/** @throws UsageError for an opset older than the one that is written. */
export function checkOpset({ opset = OPSET }: ExportFlags, onWarning: (text: string) => void): void {
  if (opset < OPSET) {
    throw new UsageError(
      `--opset ${opset}: ONNX files are written with opset ${OPSET}; leave it out, and convert the file if your engine needs an older one`,
    );
  }
  if (opset > OPSET)
    onWarning(`--opset ${opset}: ONNX files are written with opset ${OPSET}, which newer engines can read`);
}

/** JSON's string escapes are valid in Python. */
function pythonDictionary(names: readonly string[]): string {
  return `{${names.map((name, i) => `${i}: ${JSON.stringify(name)}`).join(", ")}}`;
}
