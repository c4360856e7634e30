/** Heads as modules: the branches of every level from where they split, with decoding facts as buffers and attributes. */

import { UnsupportedError } from "../../../errors.js";
import { tensor } from "../../../tensor/index.js";
import type { ModuleNode } from "../../../weights/types.js";
import type { OwnHead } from "../head/ownHead.js";
import type { AnchorFreeHead, AnchorHead } from "../head/recognise.js";
import { inSequence, listOf, moduleOf } from "../layers/modules.js";
import type { Wire } from "./wiring.js";

/** The modules that lead from a level's feature map to the decoded output, and the index of that map among the wires. */
export interface Branch {
  readonly modules: readonly ModuleNode[];
  readonly from: number;
}

/**
 * Follows a value back as long as nothing else reads the values on the way.
 * @param readers how often each wire is read, by wires and by the head.
 * @param bounds at most so many modules; those that belong to the head are noted.
 */
export function branchTo(
  wires: readonly Wire[],
  readers: readonly number[],
  id: number,
  { most, taken }: { readonly most: number; readonly taken: Set<number> },
): Branch {
  const modules: ModuleNode[] = [];
  let at = id;
  while (at >= 0 && readers[at] === 1 && wires[at].from.length === 1 && modules.length < most) {
    modules.unshift(wires[at].module);
    taken.add(at);
    [at] = wires[at].from;
  }
  return { modules, from: at };
}

/** @throws UnsupportedError for branches of one level that do not start from the same map. */
function commonSource(branches: readonly Branch[]): number {
  const [first, ...others] = branches;
  if (others.some(({ from }) => from !== first.from)) {
    throw new UnsupportedError(
      "the branches of its head read several feature maps per level, unlike any YOLO that this engine runs; give the .pt checkpoint that it was exported from",
    );
  }
  return first.from;
}

export interface BuiltHead {
  readonly module: ModuleNode;
  /** The wires that it reads, one per level. */
  readonly from: readonly number[];
}

/** `convolutions` are those of the maps, one per level; `proto` leads to the prototypes from the finest level. */
export function anchorHeadModule(
  { anchors, strides, maskCoefficients }: AnchorHead,
  branches: readonly Branch[],
  proto: Branch | undefined,
): BuiltHead {
  const perLevel = anchors[0].length / 2;
  const cells = anchors.flatMap((own, level) => own.map((side) => side / strides[level]));
  const from = branches.map(({ from: source }) => source);
  return {
    module: moduleOf(proto ? "yolov5_ts.Segment" : "yolov5_ts.Detect", {
      attributes: { stride: [...strides], ...(proto ? { nm: maskCoefficients } : {}) },
      buffers: { anchors: tensor("float32", [anchors.length, perLevel, 2], Float32Array.from(cells)) },
      children: [
        [
          "m",
          listOf(
            "torch.nn.ModuleList",
            branches.map(({ modules }) => inSequence(modules)),
          ),
        ],
        ...protoChild(proto, from[0]),
      ],
    }),
    from,
  };
}

function protoChild(proto: Branch | undefined, finest: number): (readonly [string, ModuleNode])[] {
  if (!proto) return [];
  if (proto.from !== finest) commonSource([proto, { modules: [], from: finest }]);
  return [["proto", inSequence(proto.modules)]];
}

/** `branches` per level: distances, scores and, where there are any, the rest. */
export function anchorFreeHeadModule(
  { strides, bins, extras, keypointSize, endToEnd }: AnchorFreeHead,
  branches: readonly (readonly Branch[])[],
  proto: Branch | undefined,
): BuiltHead {
  const from = branches.map(commonSource);
  const prefix = endToEnd ? "one2one_" : "";
  const names = ["cv2", "cv3", "cv4"].slice(0, branches[0].length);
  const lists = names.map((name, role): [string, ModuleNode] => [
    prefix + name,
    listOf(
      "torch.nn.ModuleList",
      branches.map((level) => inSequence(level[role].modules)),
    ),
  ]);
  const weights = tensor(
    "float32",
    [1, bins, 1, 1],
    Float32Array.from({ length: bins }, (_, bin) => bin),
  );
  const dfl = moduleOf("yolov5_ts.DFL", {
    children: [["conv", moduleOf("torch.nn.Conv2d", { parameters: { weight: weights } })]],
  });
  return {
    module: moduleOf("yolov5_ts.Detect", {
      attributes: {
        stride: [...strides],
        ...(endToEnd ? { end2end: true } : {}),
        ...(keypointSize > 0 ? { kpt_shape: [extras / keypointSize, keypointSize] } : {}),
      },
      children: [...lists, ...(bins > 0 ? [["dfl", dfl] as const] : []), ...protoChild(proto, from[0])],
    }),
    from,
  };
}

/** The convolutions of maps that the file's own operators decode. */
export function ownHeadModule(
  { strides, layout }: OwnHead,
  branches: readonly Branch[],
  proto: Branch | undefined,
): BuiltHead {
  const { family, classes, maskCoefficients, keypoints, endToEnd } = layout;
  const maps = listOf(
    "torch.nn.ModuleList",
    branches.map(({ modules }) => inSequence(modules)),
  );
  return {
    module: moduleOf("yolov5_ts.OwnDecoding", {
      attributes: {
        stride: [...strides],
        family,
        nc: classes,
        nm: maskCoefficients,
        end2end: endToEnd,
        ...(keypoints ? { kpt_shape: [...keypoints] } : {}),
      },
      children: [["m", maps], ...(proto ? [["proto", inSequence(proto.modules)] as const] : [])],
    }),
    from: [...branches, ...(proto ? [proto] : [])].map(({ from }) => from),
  };
}

/** A classifier whose last layers are a mean over each map and a linear layer; a convolution may come before. */
export function classifyModule(
  className: string,
  convolutions: readonly ModuleNode[],
  pool: ModuleNode,
  linear: ModuleNode,
): ModuleNode {
  return moduleOf(className, {
    children: [
      ...(convolutions.length > 0 ? [["conv", inSequence(convolutions)] as const] : []),
      ["pool", pool],
      ["linear", linear],
    ],
  });
}
