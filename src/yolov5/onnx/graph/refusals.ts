/** Operators that no export of YOLO needs, and why they are not supported. */

import { refuse } from "../../../onnx/evaluate/index.js";
import type { OnnxModel, OnnxNode } from "../../../weights/onnx/types.js";

const REASONS: readonly { readonly pattern: RegExp; readonly why: string }[] = [
  {
    pattern: /NMS|NonMaxSuppression/i,
    why: "NMS is part of the file; export the model again without it, because this engine does NMS itself",
  },
  {
    pattern: /^(QLinear|Quantize|Dequantize|ConvInteger|MatMulInteger|DynamicQuantize)/,
    why: "the file is quantized; give the float32 or float16 export, and quantize it with: yolov5 export --int8",
  },
  {
    pattern: /^(If|Loop|Scan|SequenceAt|SplitToSequence|SequenceConstruct)$/,
    why: "the file decides at run time what it computes; export the model again with --simplify",
  },
];

const DEFAULT_REASON =
  "is not used in this way by any YOLO that this engine runs; give the .pt checkpoint that it was exported from";

const known = ({ domain, operator }: OnnxNode): string | undefined =>
  REASONS.find(({ pattern }) => pattern.test(operator))?.why ?? reasonOf(domain);

function reasonOf(domain: string): string | undefined {
  if (domain === "") return undefined;
  return /^com\.microsoft\b/.test(domain)
    ? "ONNX Runtime put it there; give the export that the file was made from"
    : "is not a standard ONNX operator; export the model again with standard operators only";
}

/** Why an operator is not run. */
export const refusalOf = (node: OnnxNode): string => known(node) ?? DEFAULT_REASON;

/** @throws UnsupportedError for a file with operators from other domains, NMS, quantization or branches. */
export function refuseOperators(model: OnnxModel): void {
  for (const node of model.nodes) {
    const why = known(node);
    if (why !== undefined) refuse(node, why);
  }
}
