/** ONNX exports of YOLOv5 and of the newer package, as module trees: after that they are like any checkpoint. */

import { CheckpointError, EngineError, UnsupportedError } from "../../errors.js";
import { aboutFile, Budget } from "../../weights/budget.js";
import { cutText, scalarNumber } from "../../weights/describe.js";
import { readOnnx } from "../../weights/onnx/model.js";
import type { ExternalFiles, OnnxNode, OnnxPort } from "../../weights/onnx/types.js";
import type { Checkpoint, ModuleNode, OwnDecoding, PlainValue } from "../../weights/types.js";
import { FoldedGraph } from "./graph/foldedGraph.js";
import { makerOf } from "./graph/patterns.js";
import { refuseOperators } from "./graph/refusals.js";
import { decodingOf } from "./head/headMaps.js";
import { ownHead } from "./head/ownHead.js";
import { type HeadHints, recogniseHead } from "./head/recognise.js";
import { settlePicks } from "./layers/settle.js";
import { translate } from "./layers/translate.js";
import { metadataOf, type OnnxMetadata } from "./metadata.js";
import { classificationTree, detectionTree } from "./tree/tree.js";
import { wiresOf } from "./tree/wiring.js";

export { externalFilesOf } from "../../weights/onnx/model.js";

/**
 * Reads an ONNX export: its layers, recognised head, names, stride and task. The head's decoding is replaced by this
 * engine's own once that is shown to give the same, so that every input size works that the layers accept.
 * @param external the files beside it that hold its weights.
 * @throws CheckpointError, UnsupportedError with one sentence, which names operator and node where it is about one.
 */
export function openOnnx(bytes: Uint8Array, path: string | undefined, external?: ExternalFiles): Checkpoint {
  return aboutFile(path, "checkpoint", () => {
    const size = [...(external?.values() ?? [])].reduce((sum, file) => sum + file.length, bytes.length);
    try {
      return read(bytes, external, new Budget(size));
    } catch (error) {
      // Any engine error here is a problem of the file.
      if (error instanceof EngineError && !(error instanceof CheckpointError)) {
        const { message, details } = error;
        throw new CheckpointError(error instanceof UnsupportedError ? `cannot be run: ${message}` : message, details, {
          cause: error,
        });
      }
      throw error;
    }
  });
}

function read(bytes: Uint8Array, external: ExternalFiles | undefined, budget: Budget): Checkpoint {
  const model = readOnnx(bytes, external);
  refuseOperators(model);
  const metadata = metadataOf(model);
  const graph = new FoldedGraph(model, budget);
  const extra = new Map<string, PlainValue>([
    ...metadata.entries,
    ["opset", model.opset],
    ["producer", model.producer],
  ]);
  if (!extra.has("imgsz") && graph.fixedSize) extra.set("imgsz", graph.inputShape.slice(2));
  return { format: "onnx", ...contentsOf(graph, metadata), extra };
}

/** Layers, and a decoding if the head's is the file's own. */
interface Contents {
  readonly module: ModuleNode;
  readonly decoding?: OwnDecoding;
}

const shapeOf = (graph: FoldedGraph, { name, shape }: OnnxPort): readonly (number | undefined)[] =>
  graph.shapeOf(name) ?? shape;

function contentsOf(graph: FoldedGraph, metadata: OnnxMetadata): Contents {
  const { outputs } = graph.model;
  const ofRank = (rank: number): OnnxPort[] => outputs.filter((port) => shapeOf(graph, port).length === rank);
  const [rows, ...others] = ofRank(3);
  if (rows && others.length === 0) return detection(graph, metadata, rows, ofRank(4));
  const [scores] = ofRank(2);
  if (outputs.length === 1 && scores) return { module: classification(graph, metadata, scores) };
  const list = outputs.slice(0, 8).map(
    (port) =>
      `${cutText(port.name)} [${shapeOf(graph, port)
        .map((n) => n ?? "?")
        .join(", ")}]`,
  );
  const raw =
    ofRank(5).length > 0
      ? "; feature maps that are not decoded do not include the anchors: export the model again with its decoding"
      : "";
  throw new CheckpointError(
    `is an ONNX model with the outputs ${list.join(", ") || "(none)"}; exports of YOLO have one with boxes [N, rows, columns], or one with class scores [N, classes]${raw}`,
  );
}

/** Where neither the file nor its metadata tells the size of its input. */
const USUAL_SIZE = [640, 640] as const;

/** [height, width] that a file with open sides was made for. */
function usualSize({ entries }: OnnxMetadata): readonly [number, number] {
  const imgsz = entries.get("imgsz");
  const [height, width = height] = (Array.isArray(imgsz) ? imgsz : [imgsz]).slice(0, 2).map(scalarNumber);
  return height === undefined || width === undefined ? USUAL_SIZE : [height, width];
}

/** Detection, segmentation and pose. `pictures` are the outputs that may be prototypes. */
function detection(
  graph: FoldedGraph,
  metadata: OnnxMetadata,
  rows: OnnxPort,
  pictures: readonly OnnxPort[],
): Contents {
  const decoding = decodingOf(graph, rows.name);
  const [proto, ...others] = pictures;
  const prototypes = proto && shapeOf(graph, proto)[1];
  if (others.length > 0 || (metadata.task === "segment" && prototypes === undefined)) {
    throw new CheckpointError(
      `is an ONNX model with ${pictures.length} outputs of feature maps; exports of YOLO have at most one, the prototypes of segmentation`,
    );
  }
  const hints: HeadHints = { ...metadata, prototypes };
  const recognised = recogniseHead(graph, decoding, hints);
  if (!recognised && !graph.fixedSize) {
    // The file's own decoding runs at one size.
    return detection(new FoldedGraph(graph.model, graph.budget, usualSize(metadata)), metadata, rows, pictures);
  }
  const head = recognised ?? ownHead(graph, decoding, hints);
  const maps = head.kind === "anchorFree" ? head.levels.flat() : head.maps;
  const names = maps.map(({ node }) => node.outputs[0]);
  const translation = translate(graph, proto ? [...names, proto.name] : names);
  const pictureOf = (name: string): number => {
    const maker = graph.maker(name) as OnnxNode;
    return translation.picture(maker, translation.view(name)).id;
  };
  const outputs = [...names, ...(proto ? [proto.name] : [])].map(pictureOf);
  settlePicks(translation, new Set(outputs));
  const { wires, ids } = wiresOf(translation.steps, outputs);
  const module = detectionTree(wires, head, ids.slice(0, names.length), proto ? ids[names.length] : undefined);
  return head.kind === "own" ? { module, decoding: head.decoding } : { module };
}

/** Class scores; a softmax at the end is what the newer package writes, and this engine applies it itself. */
function classification(graph: FoldedGraph, { family, isYolo }: OnnxMetadata, scores: OnnxPort): ModuleNode {
  if (!isYolo) {
    throw new CheckpointError(
      "is an ONNX classifier without any sign of YOLO (no class names in its metadata, no layers named model.0, model.1 …), " +
        "so it is unknown how to prepare pictures for it; give a classifier exported by YOLOv5 or ultralytics",
    );
  }
  const softmax = makerOf(graph, scores.name, "Softmax");
  const logits = softmax ? softmax.inputs[0] : scores.name;
  const translation = translate(graph, [logits]);
  const output = translation.view(logits).picture.id;
  settlePicks(translation, new Set([output]));
  const { wires, ids } = wiresOf(translation.steps, [output]);
  return classificationTree(wires, ids[0], family ?? (softmax ? "ultralytics" : "yolov5"));
}
