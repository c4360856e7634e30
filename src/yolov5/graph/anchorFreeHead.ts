/**
 * Detect, Segment and Pose heads without anchors (v5u, v8, 11, 26): one branch of convolutions per level for distances (`cv2`),
 * for classes (`cv3`) and for other values of a box (`cv4`). Facts come from the tensors, not from a yaml.
 */

import { GraphError, UnsupportedError, WeightError } from "../../errors.js";
import type { ValueId } from "../../ops/index.js";
import { toFloat32 } from "../../tensor/index.js";
import { cutText } from "../../weights/describe.js";
import type { ModuleNode } from "../../weights/types.js";
import { checkClasses, checkStrides } from "./bounds.js";
import { applyChild, type BuildContext, booleanAttribute, child, weight } from "./context.js";
import { type HeadFacts, type KeypointShape, numbersOf } from "./heads.js";

/** Bins of a distance, and further numbers of a box, far beyond every real head. */
const MAX_BINS = 256;
const MAX_EXTRAS = 4096;

/** Prefix of the branches that are trained to give each object one box. */
const ONE_TO_ONE = "one2one_";

/** All that such a head is made of. */
const PARTS = new Set(["cv2", "cv3", "cv4", "dfl", "proto", ...["cv2", "cv3", "cv4"].map((name) => ONE_TO_ONE + name)]);

/** Heads that do more than the parts known here would be run without the rest. @throws UnsupportedError naming them. */
function refuseOtherParts(module: ModuleNode, path: string): void {
  const others = [...module.children.keys()].filter((name) => !PARTS.has(name));
  if (module.attributes.has("ne")) others.push("an angle per box (ne)");
  if (others.length === 0) return;
  throw new UnsupportedError(
    `${path}: head ${module.className} has parts that this engine does not run (${cutText(others.join(", "), 200)}); ` +
      "YOLOv5u, v8 and 11 run for detection, segmentation, pose and classification, YOLO26 for detection",
    { path, className: module.className },
  );
}

/** Whether the head picks its boxes itself: by the second set of branches, unless that was switched off. */
const isEndToEnd = (module: ModuleNode): boolean =>
  module.children.has(`${ONE_TO_ONE}cv2`) && booleanAttribute(module, "end2end", true);

/** Whether a module is such a head, by its contents. */
export function isAnchorFree(module: ModuleNode): boolean {
  const branches = (name: string): boolean => module.children.get(name)?.type === "ModuleList";
  return (branches("cv2") && branches("cv3")) || (branches(`${ONE_TO_ONE}cv2`) && branches(`${ONE_TO_ONE}cv3`));
}

/** Children of a head with two sets of branches that belong to the set which is not run; none for every other module. */
export function unusedBranches(module: ModuleNode): string[] {
  if (!isAnchorFree(module) || !module.children.has("cv2") || !module.children.has(`${ONE_TO_ONE}cv2`)) return [];
  const prefix = isEndToEnd(module) ? "" : ONE_TO_ONE;
  return ["cv2", "cv3", "cv4"].map((name) => prefix + name).filter((name) => module.children.has(name));
}

/** The values that a distance's distribution weighs; none if the head predicts distances directly. */
function binsOf(module: ModuleNode, path: string, channels: number): number[] {
  if (channels === 4) return [];
  const count = channels / 4;
  if (!Number.isInteger(count) || count > MAX_BINS) {
    throw new GraphError(`${path}: ${channels} channels are not 4 distances of up to ${MAX_BINS} bins`, {
      path,
      channels,
    });
  }
  const conv = child(module, "dfl", path).children.get("conv");
  if (!conv) throw new WeightError(`${path}.dfl has no conv, which says what its ${count} bins stand for`, { path });
  const bins = Array.from(toFloat32(weight(conv, "weight", `${path}.dfl.conv`)).data);
  if (bins.length !== count) {
    throw new GraphError(`${path}: ${bins.length} bins for ${channels} channels`, { path, channels });
  }
  return bins;
}

/** Keypoints of a box and numbers of each: [17, 3]. */
function keypointsOf(module: ModuleNode, path: string, numbers: number): KeypointShape | undefined {
  const shape = numbersOf(module.attributes.get("kpt_shape"));
  if (!shape) return undefined;
  const [count, size] = shape;
  if (shape.length !== 2 || !(size === 2 || size === 3) || count * size !== numbers) {
    throw new GraphError(`${path}.kpt_shape [${shape}] does not fit ${numbers} numbers per box`, { path, numbers });
  }
  return { count, size };
}

/** Rows of all levels and, for segmentation, the prototypes [N, nm, H/4, W/4]. */
export function applyAnchorFree(
  context: BuildContext,
  module: ModuleNode,
  path: string,
  inputs: readonly ValueId[],
  strides: readonly number[] | undefined,
  inputHeight: number,
): { outputs: ValueId[]; facts: HeadFacts } {
  const { builder } = context;
  refuseOtherParts(module, path);
  const endToEnd = isEndToEnd(module);
  // Fused files keep one set of branches.
  const prefix = endToEnd || !module.children.has("cv2") ? ONE_TO_ONE : "";
  const named = ["cv2", "cv3", "cv4"].map((name) => `${prefix}${name}`).filter((name) => module.children.has(name));
  const branches = named.map((name) => {
    const levels = [...child(module, name, path).children];
    if (levels.length !== inputs.length || levels.length === 0) {
      throw new GraphError(
        `${path}.${name}: ${levels.length} branches for ${inputs.length} inputs; a head has one per level`,
        { path },
      );
    }
    return levels.map(([level, part], i) => context.apply(part, `${path}.${name}.${level}`, [inputs[i]]));
  });
  const [boxes, scores, others] = branches;
  const channels = (maps: readonly ValueId[] | undefined): number => (maps ? builder.shape(maps[0])[1] : 0);
  const [classes, extras] = [channels(scores), channels(others)];
  checkClasses(classes, path);
  if (extras > MAX_EXTRAS) throw new GraphError(`${path}: ${extras} further values per box`, { path, extras });
  const perCell = boxes.map((map) => inputHeight / builder.shape(map)[2]);
  const used = strides ?? perCell;
  checkStrides(used, path);
  if (used.length !== inputs.length) {
    throw new GraphError(`${path}: ${inputs.length} levels and ${used.length} strides do not fit`, { path });
  }
  const proto = module.children.has("proto");
  const keypoints = proto || extras === 0 ? undefined : keypointsOf(module, path, extras);
  if (extras > 0 && !proto && !keypoints) {
    throw new GraphError(
      `${path}: ${module.className} predicts ${extras} values per box that are neither masks nor keypoints`,
      {
        path,
        extras,
      },
    );
  }
  const prediction = builder.add(
    "detectAnchorFree",
    path,
    boxes.flatMap((_, level) => branches.map((maps) => maps[level])),
    {
      strides: used,
      bins: binsOf(module, path, channels(boxes)),
      classes,
      extras,
      keypointSize: keypoints?.size ?? 0,
      corners: endToEnd,
    },
  );
  builder.tap(path, prediction);
  const facts: HeadFacts = {
    kind: proto ? "segment" : keypoints ? "pose" : "detect",
    family: "ultralytics",
    endToEnd,
    classes,
    strides: used,
    anchors: [],
    outputs: 4 + classes + extras,
    maskCoefficients: proto ? extras : 0,
    ...(keypoints ? { keypoints } : {}),
  };
  return {
    outputs: proto ? [prediction, applyChild(context, module, path, "proto", [inputs[0]])] : [prediction],
    facts,
  };
}
