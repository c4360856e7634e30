/** Detection heads. */

import type { OpAttributes } from "../../../src/ops/index.js";
import { type OpCase, simple } from "./opCase.js";

const bins = (count: number): number[] => Array.from({ length: count }, (_, bin) => bin);

/** Heads without anchors: bins or distances, one class and many, masks, keypoints, corners. */
const ANCHOR_FREE: readonly (OpAttributes["detectAnchorFree"] & { readonly maps: readonly (readonly number[])[] })[] = [
  {
    strides: [8, 16],
    bins: bins(16),
    classes: 9,
    extras: 0,
    keypointSize: 0,
    corners: false,
    maps: [
      [2, 64, 8, 12],
      [2, 9, 8, 12],
      [2, 64, 4, 6],
      [2, 9, 4, 6],
    ],
  },
  {
    strides: [8],
    bins: [0, 1, 2.5],
    classes: 1,
    extras: 5,
    keypointSize: 0,
    corners: false,
    maps: [
      [1, 12, 7, 5],
      [1, 1, 7, 5],
      [1, 5, 7, 5],
    ],
  },
  {
    strides: [16],
    bins: [],
    classes: 4,
    extras: 6,
    keypointSize: 3,
    corners: true,
    maps: [
      [1, 4, 7, 5],
      [1, 4, 7, 5],
      [1, 6, 7, 5],
    ],
  },
  {
    strides: [4],
    bins: bins(8),
    classes: 2,
    extras: 4,
    keypointSize: 2,
    corners: false,
    maps: [
      [2, 32, 3, 5],
      [2, 2, 3, 5],
      [2, 4, 3, 5],
    ],
  },
];

function detect(n: number, sizes: readonly (readonly [number, number])[], classes: number, masks: number): OpCase {
  const outputs = 5 + classes + masks;
  const attrs = {
    anchors: sizes.map((_, i) => [10, 13, 16, 30, 33, 23].map((v) => v * (i + 1))),
    strides: sizes.map((_, i) => 8 << i),
    outputs,
    maskCoefficients: masks,
  };
  const maps = sizes.map(([h, w]) => [n, 3 * outputs, h, w]);
  return simple("detect", attrs, maps, { scale: 4 });
}

export const HEAD_CASES: readonly OpCase[] = [
  simple(
    "detect",
    {
      anchors: [
        [10, 13, 16, 30, 33, 23],
        [30, 61, 62, 45, 59, 119],
      ],
      strides: [8, 16],
      outputs: 7,
      maskCoefficients: 0,
    },
    [
      [2, 21, 8, 12],
      [2, 21, 4, 6],
    ],
    { scale: 4 },
  ),
  simple("detect", { anchors: [[10, 13, 16, 30]], strides: [8], outputs: 11, maskCoefficients: 3 }, [[1, 22, 7, 5]], {
    scale: 4,
  }),
  detect(
    1,
    [
      [4, 6],
      [2, 3],
    ],
    80,
    0,
  ),
  detect(2, [[3, 2]], 1, 0),
  detect(1, [[3, 2]], 11, 0),
  detect(1, [[3, 2]], 2, 32),
  detect(1, [[2, 2]], 3, 1),
  ...ANCHOR_FREE.map(({ maps, ...attrs }) => simple("detectAnchorFree", attrs, maps, { scale: 4, depth: 8 })),
];
