/**
 * Recognises checkpoints that look like YOLOv5 and are not: newer YOLO families, and forks whose head predicts more than
 * boxes. Each gets one sentence that says what it is and what to do. Works on module trees and on state dicts alike.
 */

import { CheckpointError } from "../errors.js";
import { scalarNumber } from "../weights/describe.js";
import { type Checkpoint, collectStateDict, type ModuleNode, walkModules } from "../weights/index.js";

const ADVICE = "give a checkpoint of the yolov5 repository (v3.0 to v7.0)";

/** Class paths or names that belong to one other family. */
const FAMILIES: readonly { readonly pattern: RegExp; readonly what: string }[] = [
  {
    pattern: /^ultralytics\./,
    what: "is a model of the ultralytics package (YOLOv8 or later, or YOLOv5u), whose head is anchor-free",
  },
  { pattern: /^yolox\./, what: "is a YOLOX model" },
  { pattern: /^yolov6\./, what: "is a YOLOv6 model" },
  { pattern: /^super_gradients\./, what: "is a model of SuperGradients (YOLO-NAS)" },
  { pattern: /^(mmdet|mmyolo|mmengine)\./, what: "is a model of OpenMMLab" },
  { pattern: /^torchvision\.models\./, what: "is a torchvision model" },
  { pattern: /^(timm|transformers)\./, what: "is a model of another library (timm or transformers)" },
  { pattern: /\.I?Keypoint$/, what: "is a YOLO pose model, whose head predicts keypoints" },
  { pattern: /\.(IDetect|IAuxDetect|IBin|ImplicitA|ImplicitM)$/, what: "is a YOLOv7 (or YOLOR) model" },
  { pattern: /\.(DDetect|DualDDetect|TripleDDetect|RepNCSPELAN4|CBFuse)$/, what: "is a YOLOv9 model" },
  { pattern: /\.(v10Detect|RTDETRDecoder|WorldDetect)$/, what: "is a newer YOLO or RT-DETR model" },
];

/** State-dict names that only one other family has. */
const TENSOR_NAMES: readonly { readonly pattern: RegExp; readonly what: string }[] = [
  {
    pattern: /(^|\.)(dfl\.conv\.weight|cv[23]\.0\.2\.(weight|bias)|one2one_cv[23]\.)/,
    what: "has an anchor-free head (dfl, cv2, cv3): YOLOv8 or later, or YOLOv5u",
  },
  { pattern: /(^|\.)m_kpt\./, what: "is a YOLO pose model, whose head predicts keypoints" },
  { pattern: /(^|\.)i[am]\.\d+\.implicit$/, what: "is a YOLOv7 (or YOLOR) model" },
];

/**
 * @param path the file's name, for the message.
 * @throws CheckpointError when the checkpoint is of another model family; returns for everything else, unknown included.
 */
export function refuseForeignModel(checkpoint: Checkpoint, path = "checkpoint"): void {
  const { module } = checkpoint;
  const what = module ? foreignModule(module) : undefined;
  const tensors = checkpoint.stateDict ?? (module ? collectStateDict(module) : new Map());
  const sentence = what ?? foreignTensors([...tensors.keys()]);
  if (sentence !== undefined) {
    throw new CheckpointError(`${path}: ${sentence}; ${ADVICE}`, { path, className: module?.className });
  }
}

function foreignTensors(names: readonly string[]): string | undefined {
  for (const { pattern, what } of TENSOR_NAMES) if (names.some((name) => pattern.test(name))) return what;
  return undefined;
}

function foreignModule(root: ModuleNode): string | undefined {
  let found: string | undefined;
  const hyperparameters = root.attributes.get("hyp");
  const landmarks = hyperparameters instanceof Map && hyperparameters.has("landmark");
  walkModules(root, (module) => {
    if (found !== undefined) return;
    found = FAMILIES.find(({ pattern }) => pattern.test(module.className))?.what ?? foreignHead(module, landmarks);
  });
  return found;
}

/**
 * A YOLOv5 head named Detect has nc + 5 channels an anchor. Forks kept the name and added channels: 2 for each facial
 * landmark (five in yolov5-face), 2 or 3 for each keypoint, 180 for an angle. (Segment's mask coefficients are YOLOv5's own.)
 */
function foreignHead(module: ModuleNode, trainedOnLandmarks: boolean): string | undefined {
  if (module.type !== "Detect") return undefined;
  if (module.children.has("m_kpt") || (scalarNumber(module.attributes.get("nkpt")) ?? 0) > 0) {
    return "is a pose fork of YOLOv5 (yolo-pose), whose head predicts keypoints";
  }
  const classes = module.attributes.get("nc");
  const anchors = anchorsPerLevel(module);
  const channels = [...(module.children.get("m")?.children.values() ?? [])][0]?.parameters.get("weight")?.shape[0];
  if (typeof classes !== "number" || anchors === undefined || channels === undefined) return undefined;
  const extra = channels / anchors - 5 - classes;
  if (extra > 0 && extra % 2 === 0 && (extra === 10 || trainedOnLandmarks)) {
    return `is a face fork of YOLOv5 (yolov5-face or a number-plate variant), whose head predicts ${extra / 2} landmarks a box`;
  }
  if (extra === 180) return "is an oriented-box fork of YOLOv5 (yolov5-obb), whose head predicts an angle";
  if (extra > 0)
    return `is a fork of YOLOv5 whose Detect head predicts ${extra} more values a box than ${classes} classes need`;
  return undefined;
}

function anchorsPerLevel(head: ModuleNode): number | undefined {
  const declared = head.attributes.get("na");
  return typeof declared === "number" && declared > 0 ? declared : head.buffers.get("anchors")?.shape[1];
}
