/** Detection heads. */

import { type OpCase, simple } from "./opCase.js";

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
  detect(1, [[3, 2]], 2, 32),
  detect(1, [[2, 2]], 3, 1),
];
