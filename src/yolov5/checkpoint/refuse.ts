/**
 * Recognises checkpoints that look like YOLOv5 but are not: newer YOLO families, and forks whose head predicts more
 * than boxes. Each gets one sentence that says what it is and how to proceed. Works on module trees and state dicts.
 */

import { CheckpointError } from "../../errors.js";
import { cutText, scalarNumber } from "../../weights/describe.js";
import { type Checkpoint, collectStateDict, type ModuleNode, walkModules } from "../../weights/index.js";
import { layersOf, sourcesOf } from "../graph/buildGraph.js";

const ADVICE = "give a checkpoint of YOLOv5 (v3.0 to v7.0, or v5u), YOLOv8, YOLO11 or YOLO26";

/** Class paths or names that belong to one other family. */
const FAMILIES: readonly { readonly pattern: RegExp; readonly what: string }[] = [
  { pattern: /^yolox\./, what: "is a YOLOX model" },
  { pattern: /^yolov6\./, what: "is a YOLOv6 model" },
  { pattern: /^super_gradients\./, what: "is a model of SuperGradients (YOLO-NAS)" },
  { pattern: /^(mmdet|mmyolo|mmengine)\./, what: "is a model of OpenMMLab" },
  { pattern: /^detectron2\./, what: "is a model of Detectron2" },
  {
    pattern: /^(effdet|segmentation_models_pytorch|fastai)\./,
    what: "is a model of another library (effdet, smp or fastai)",
  },
  { pattern: /(^|\.)(rtdetr|rt_detr|RTDETR)(\.|$)/, what: "is an RT-DETR model" },
  { pattern: /(^|\.)detr(\.|$)/i, what: "is a DETR model" },
  {
    pattern: /^models\.models\.Darknet$|^models\.Darknet$/,
    what: "is a Darknet cfg model (YOLOR, Scaled-YOLOv4 or an old yolov3)",
  },
  { pattern: /^torchvision\.models\./, what: "is a torchvision model" },
  { pattern: /^(timm|transformers)\./, what: "is a model of another library (timm or transformers)" },
  { pattern: /\.I?Keypoint$/, what: "is a YOLO pose model, whose head predicts keypoints" },
  { pattern: /\.(IDetect|IAuxDetect|IBin|ImplicitA|ImplicitM)$/, what: "is a YOLOv7 (or YOLOR) model" },
  {
    pattern: /\.(DDetect|DualDDetect|TripleDDetect|RepNCSPELAN4|CBFuse|ELAN1|SPPELAN|ADown|AConv)$/,
    what: "is a YOLOv9 model",
  },
  { pattern: /\.(v10Detect|C2fCIB|PSA)$/, what: "is a YOLOv10 model, whose blocks are not supported" },
  { pattern: /\.(A2C2f|ABlock|AAttn)$/, what: "is a YOLO12 model, whose area attention is not supported" },
  { pattern: /\.(RTDETRDecoder|AIFI|HGStem|HGBlock)$/, what: "is an RT-DETR model" },
  {
    pattern: /\.(WorldDetect|WorldModel|C2fAttn)$/,
    what: "is a YOLO-World model, which finds what a text prompt describes",
  },
  {
    pattern: /\.(YOLOEDetect|YOLOESegment|YOLOEModel|YOLOESegModel|LRPCHead)/,
    what: "is a YOLOE model, which finds what a text prompt describes",
  },
  { pattern: /\.(OBB|OBB26|OBBModel)$/, what: "is an oriented-box model (OBB), whose head predicts an angle" },
  { pattern: /\.(Segment26|Proto26)$/, what: "is a YOLO26 segmentation model; of YOLO26 only detection is supported" },
  { pattern: /\.Pose26$/, what: "is a YOLO26 pose model; of YOLO26 only detection is supported" },
  { pattern: /^ultralytics\.nn\.\S*\.\w*(Semantic|Depth)\w*$/, what: "is a model for semantic segmentation or depth" },
];

/** State-dict names that only one other family has. */
const TENSOR_NAMES: readonly { readonly pattern: RegExp; readonly what: string }[] = [
  { pattern: /(^|\.)m_kpt\./, what: "is a YOLO pose model, whose head predicts keypoints" },
  { pattern: /(^|\.)implicit$/, what: "is a YOLOv7 (or YOLOR) model" },
  { pattern: /^module_list\.\d+\./, what: "is a Darknet cfg model (YOLOR, Scaled-YOLOv4 or an old yolov3)" },
  { pattern: /^(backbone\.backbone\.(stem|dark\d)|head\.(stems|cls_preds|obj_preds)\.\d)/, what: "is a YOLOX model" },
  {
    pattern: /(^|\.)ERBlock_\d|^backbone\..*\.rbr_dense\.|^detect\.(stems|proj_conv|cls_preds)/,
    what: "is a YOLOv6 model",
  },
  { pattern: /^(heads\.head\d\.|backbone\.stem\.conv\.branch_)/, what: "is a model of SuperGradients (YOLO-NAS)" },
  {
    pattern: /(^|\.)(dec_(bbox|score)_head|enc_(bbox|score)_head|denoising_class_embed)\./,
    what: "is an RT-DETR model",
  },
  {
    pattern: /^(query_embed\.weight|class_embed\.|bbox_embed\.layers\.|transformer\.decoder\.)/,
    what: "is a DETR model",
  },
  { pattern: /^(backbone\.bottom_up\.|proposal_generator\.)/, what: "is a model of Detectron2" },
  {
    pattern: /^(rpn\.head\.|roi_heads\.|backbone\.body\.|head\.(classification|regression)_head\.)/,
    what: "is a torchvision detector (Faster or Mask R-CNN, RetinaNet, SSD)",
  },
  { pattern: /^(bbox_head|rpn_head|roi_head|mask_head)\./, what: "is a model of OpenMMLab" },
  { pattern: /^(vgg|loc|conf)\.0\.weight$/, what: "is an SSD model" },
  { pattern: /(^|\.)diffusion_model\.|(^|[._])lora_(up|down|[AB])\./, what: "is a diffusion model, or a LoRA" },
  {
    pattern: /(^|\.)(word_embeddings|embed_tokens|tok_embeddings|token_embedding|wte)\.weight$/,
    what: "is a model for text or speech",
  },
  { pattern: /(^|\.)(patch_embed\.proj|cls_token|encoder\.layer\.0\.attention)/, what: "is a vision transformer" },
  { pattern: /^(layer[1-4]\.0\.conv1|features\.\d+(\.\d+)*|fc)\.weight$/, what: "is a torchvision classifier" },
];

/**
 * @param path the file's name, for the message.
 * @throws CheckpointError if the checkpoint belongs to another model family; returns for everything else, including
 * unknown models.
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

/**
 * For a state dict without a description: only one with numbered layers can be of a YOLO.
 * @throws CheckpointError with the first name.
 */
export function refuseForeignNames(names: readonly string[], path = "checkpoint"): void {
  if (names.length === 0 || names.some((name) => /(^|\.)model\.\d+\.|^\d+\./.test(name))) return;
  throw new CheckpointError(
    `${path}: is a state dict of another model (its first tensor is ${cutText(names[0])}); ${ADVICE}`,
    { path },
  );
}

/** Whether a layer folds pixels of 2×2 into channels before its convolution: Focus, also as ONNX exports spell it. */
function folds({ type, children }: ModuleNode): boolean {
  const [first] = children.values();
  return type === "Focus" || first?.type === "SpaceToDepth";
}

/**
 * Pictures are RGB, so a network with another number of input channels cannot be used.
 * @throws CheckpointError with the channels.
 */
export function refuseOtherInputs(root: ModuleNode, path = "checkpoint"): void {
  const { layers } = layersOf(root);
  for (const [index, layer] of layers.entries()) {
    if (!sourcesOf(layer, index).includes(-1)) continue;
    const channels = inputChannels(layer);
    if (channels === undefined || channels === 3) continue;
    const kind = CHANNEL_KINDS.get(channels);
    throw new CheckpointError(
      `${path}: is a network for inputs with ${channels} ${channels === 1 ? "channel" : "channels"}${kind ? ` (${kind})` : ""}; ` +
        "this engine reads pictures as RGB, with 3 channels: give a model trained on those (ch: 3)",
      { path, channels },
    );
  }
}

const CHANNEL_KINDS: ReadonlyMap<number, string> = new Map([
  [1, "greyscale"],
  [2, "two planes"],
  [4, "RGB and one more channel, such as infrared, depth or alpha"],
  [6, "two pictures, such as RGB and infrared"],
]);

/** Input channels of a layer's first convolution; undefined if it does not begin with one. */
function inputChannels(layer: ModuleNode): number | undefined {
  let found: number | undefined;
  walkModules(layer, (module) => {
    const shape = module.type === "Conv2d" ? module.parameters.get("weight")?.shape : undefined;
    if (found !== undefined || shape?.length !== 4) return;
    const groups = module.attributes.get("groups");
    found = shape[1] * (typeof groups === "number" ? groups : 1);
  });
  if (found === undefined || !folds(layer)) return found;
  return found % 4 === 0 ? found / 4 : undefined;
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
 * A YOLOv5 head named Detect has nc + 5 channels per anchor. Forks kept the name and added channels: 2 for each facial
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
    return `is a face fork of YOLOv5 (yolov5-face or a number-plate variant), whose head predicts ${extra / 2} landmarks per box`;
  }
  if (extra === 180) return "is an oriented-box fork of YOLOv5 (yolov5-obb), whose head predicts an angle";
  if (extra > 0)
    return `is a fork of YOLOv5 whose Detect head predicts ${extra} more values per box than ${classes} classes need`;
  return undefined;
}

function anchorsPerLevel(head: ModuleNode): number | undefined {
  const declared = head.attributes.get("na");
  return typeof declared === "number" && declared > 0 ? declared : head.buffers.get("anchors")?.shape[1];
}
