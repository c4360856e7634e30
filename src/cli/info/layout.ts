/** Guesses the YOLOv5 release of a module tree. */

import { type ModuleNode, walkModules } from "../../weights/index.js";
import { layersOf } from "../../yolov5/graph/buildGraph.js";

/** Goes by the modules: v6.0 removed Focus, v4.0 removed BottleneckCSP, v7.0 added Segment. */
export function layoutOf(root: ModuleNode): string {
  if (root.type === "OnnxModel") return "layers of an ONNX export";
  const types = new Set<string>();
  walkModules(root, ({ type }) => types.add(type));
  const { layers } = layersOf(root);
  const [first] = layers;
  const last = layers[layers.length - 1];
  if (types.has("Segment") || types.has("Proto")) return "v7.0 (segmentation)";
  if (types.has("Classify") || last.children.has("linear")) return "v6.2 to v7.0 (classification)";
  if (types.has("BottleneckCSP")) return types.has("Focus") ? "v1.0 to v3.1 (Focus, BottleneckCSP)" : "BottleneckCSP";
  if (types.has("Focus")) return "v4.0 to v5.0 (Focus, SPP)";
  const kernel = first.children.get("conv")?.parameters.get("weight")?.shape[3];
  if (kernel === 6) return "v6.0 to v7.0 (6×6 stem)";
  return `YOLOv5 (${first.type} stem${kernel === undefined ? "" : `, ${kernel}×${kernel}`})`;
}
