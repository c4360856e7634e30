/** What the parity tests run, and what the support matrix of docs/support.md may therefore tick. */

export interface ProvedArchitecture {
  readonly title: string;
  readonly task: "detection" | "segmentation" | "pose" | "classification";
  /** Names of references (`reference/NAME.*`): each is run by the tests on every backend. */
  readonly references: readonly string[];
}

/** Trained checkpoints: strict layers and boxes. */
export const TRAINED = [
  "yolov5n",
  "ppe",
  "food",
  "dna",
  "pothole",
  "places",
  "crops",
  "crops-pruned-25",
  "leaky",
  "yolov5n-7",
] as const;

/** References of the newer package have a folder of their own. */
const anchorFree = (name: string): string => `anchor-free/${name}`;

export const ARCHITECTURES: readonly ProvedArchitecture[] = [
  {
    title: "v6.0–v7.0 P5 (n, s, m, l, x)",
    task: "detection",
    references: ["yolov5n", "ppe", "food", "dna", "pothole", "places", "crops"],
  },
  { title: "v7.0 P6 (1280 px, four levels)", task: "detection", references: ["zoo-p6"] },
  { title: "P2 and P3/P4 heads", task: "detection", references: ["zoo-p2", "zoo-p34"] },
  { title: "FPN, BiFPN", task: "detection", references: ["zoo-fpn", "zoo-bifpn"] },
  { title: "Ghost (GhostConv, C3Ghost)", task: "detection", references: ["zoo-ghost"] },
  { title: "Transformer (C3TR)", task: "detection", references: ["zoo-transformer"] },
  { title: "LeakyReLU and other activations", task: "detection", references: ["leaky", "zoo-leaky"] },
  { title: "C3x, CrossConv, DWConvTranspose2d", task: "detection", references: ["yolov5n-7"] },
  { title: "channel-pruned by a fork (classes of its own)", task: "detection", references: ["crops-pruned-25"] },
  { title: "v5.0 (Focus, SPP, C3)", task: "detection", references: ["zoo-focus-spp"] },
  { title: "v3.0–v3.1 (Focus, BottleneckCSP)", task: "detection", references: ["zoo-csp"] },
  { title: "yolov3, yolov3-spp, yolov3-tiny", task: "detection", references: ["zoo-v3-spp", "zoo-v3-tiny"] },
  { title: "v5u, P5 and P6 (no anchors)", task: "detection", references: ["v5u", "v5u-p6"].map(anchorFree) },
  { title: "v8 (C2f)", task: "detection", references: [anchorFree("v8")] },
  { title: "11 (C3k2, C2PSA)", task: "detection", references: [anchorFree("11")] },
  { title: "26 (end-to-end)", task: "detection", references: [anchorFree("26")] },
  { title: "v7.0 -seg", task: "segmentation", references: ["zoo-seg"] },
  { title: "v8 and 11 -seg", task: "segmentation", references: ["v8-seg", "11-seg"].map(anchorFree) },
  { title: "v8 -pose (keypoints)", task: "pose", references: [anchorFree("v8-pose")] },
  { title: "v8 -cls", task: "classification", references: [anchorFree("v8-cls")] },
  { title: "v6.2–v7.0 -cls", task: "classification", references: ["poses-cls", "zoo-cls"] },
];

/** One small network of each architecture, with random weights. */
export const ZOO = ARCHITECTURES.flatMap(({ references }) => references).filter(
  (name) => /^(zoo-|anchor-free\/)/.test(name) && !name.endsWith("-cls"),
);

export const CLASSIFIERS = ["poses-cls", "zoo-cls", "anchor-free/v8-cls"] as const;

export const SEGMENTERS = ["zoo-seg", "anchor-free/v8-seg", "anchor-free/11-seg"] as const;
