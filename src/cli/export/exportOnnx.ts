/** `export --include onnx`: writes the optimised graph at one input size, for other engines. */

import { Breather } from "../../breathe.js";
import { exportOnnx, OPSET } from "../../onnx/index.js";
import { optimizePieces } from "../../ops/index.js";
import { VERSION } from "../../version.js";
import type { Member } from "../../yolov5/model.js";
import { UsageError } from "../errors.js";
import type { ExportFlags } from "../options/flags.js";
import { inputSize } from "../options/sizeNote.js";
import type { ExportedFile } from "./exportedFile.js";

export async function onnxFile(
  { network, info }: Member,
  { imgsz, batchSize }: ExportFlags,
  { onWarning, signal }: { readonly onWarning: (text: string) => void; readonly signal: AbortSignal },
): Promise<ExportedFile> {
  if (info.endToEnd) {
    throw new UsageError(
      `${info.path}: its head picks its boxes itself (end-to-end), which ONNX files of this engine do not hold; export it as safetensors`,
    );
  }
  const [h, w] = inputSize(info, { imgsz }, onWarning);
  const shape = [batchSize, 3, h, w] as const;
  const breather = new Breather(signal);
  const graph = await breather.through(optimizePieces(network.build(shape).graph));
  await breather.rest();
  // detect.py reads these two: the stride as a number, the names as a Python dictionary.
  const metadata = { stride: String(info.stride), names: pythonDictionary(info.names) };
  return {
    bytes: exportOnnx(graph, { metadata, version: VERSION }),
    summary: `opset ${OPSET}, input ${shape.join("×")}`,
    details: { opset: OPSET, input: shape },
  };
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
