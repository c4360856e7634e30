/** `export --include onnx`: the optimised graph at one input size, for other engines. */

import { Breather } from "../breathe.js";
import { optimizePieces } from "../ops/index.js";
import { VERSION } from "../version.js";
import type { Member } from "../yolov5/model.js";
import { exportOnnx, OPSET } from "../yolov5/onnx/index.js";
import { checkImageSize } from "../yolov5/options.js";
import type { ExportedFile } from "./exportedFile.js";
import type { ExportFlags } from "./flags.js";
import { heightWidth } from "./values.js";

export async function onnxFile(
  { network, info }: Member,
  { imgsz, batchSize }: ExportFlags,
  { onWarning, signal }: { readonly onWarning: (text: string) => void; readonly signal: AbortSignal },
): Promise<ExportedFile> {
  const classify = info.task === "classify";
  const usual = classify ? ([224, 224] as const) : ([640, 640] as const);
  const wanted = heightWidth(imgsz) ?? usual;
  const [h, w] = classify ? wanted : checkImageSize(wanted, info.stride, onWarning);
  const shape = [batchSize, 3, h, w] as const;
  const breather = new Breather(signal);
  const graph = await breather.through(optimizePieces(network.build(shape).graph));
  await breather.rest();
  // detect.py reads these two: the stride as a number, the names as a dictionary of Python.
  const metadata = { stride: String(info.stride), names: pythonDictionary(info.names) };
  return {
    bytes: exportOnnx(graph, { metadata, version: VERSION }),
    summary: `opset ${OPSET}, input ${shape.join("×")}`,
    details: { opset: OPSET, input: shape },
  };
}

/** JSON's escapes are among Python's. */
function pythonDictionary(names: readonly string[]): string {
  return `{${names.map((name, i) => `${i}: ${JSON.stringify(name)}`).join(", ")}}`;
}
