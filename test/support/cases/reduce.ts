/** Windows, sums, attention. */

import { type OpCase, simple } from "./opCase.js";

function pool(
  kernel: number,
  stride: number,
  padding: number,
  dilation = 1,
  ceilMode = false,
  x = [2, 5, 13, 20],
): OpCase {
  return {
    name: `maxPool2d x=${x} k=${kernel} s=${stride} p=${padding} d=${dilation} ceil=${ceilMode}`,
    type: "maxPool2d",
    attrs: {
      kernel: [kernel, kernel],
      stride: [stride, stride],
      padding: [padding, padding],
      dilation: [dilation, dilation],
      ceilMode,
    },
    inputs: [x],
    weights: [],
    depth: 0,
  };
}

export const REDUCE_CASES: readonly OpCase[] = [
  pool(5, 1, 2),
  pool(2, 2, 0),
  pool(3, 2, 1, 1, true),
  pool(3, 1, 1, 2),
  simple("globalAveragePool", {}, [[2, 17, 13, 20]]),
  simple("globalAveragePool", {}, [[3, 5, 1, 1]]),
  simple("softmax", { axis: 1 }, [[3, 17]], { scale: 6 }),
  simple("softmax", { axis: 1 }, [[2, 5, 7, 3]], { scale: 6 }),
  simple("softmax", { axis: 3 }, [[2, 5, 7, 3]], { scale: 6 }),
  simple("layerNorm", { eps: 1e-5 }, [[2, 17, 7, 7]], { weights: [[17], [17]], depth: 17 }),
  simple("layerNorm", { eps: 1e-5 }, [[1, 8, 7, 13]], { weights: [[8], [8]], depth: 8 }),
  simple(
    "attention",
    { heads: 4 },
    [
      [2, 20, 5, 7],
      [2, 20, 5, 7],
      [2, 20, 5, 7],
    ],
    { depth: 35, scale: 3 },
  ),
  simple(
    "attention",
    { heads: 1 },
    [
      [1, 3, 7, 1],
      [1, 3, 7, 1],
      [1, 3, 7, 1],
    ],
    { depth: 7 },
  ),
  // Heads of whole blocks of four channels, whose values are wider than their keys.
  simple(
    "attention",
    { heads: 2 },
    [
      [2, 16, 5, 7],
      [2, 16, 5, 7],
      [2, 24, 5, 7],
    ],
    { depth: 35, scale: 3 },
  ),
  pool(5, 1, 2, 1, false, [1, 8, 9, 7]),
  pool(2, 2, 0, 1, false, [2, 5, 8, 6]),
  pool(3, 2, 0, 1, true, [1, 4, 8, 8]),
  // Larger than the map.
  pool(13, 1, 6, 1, false, [1, 4, 5, 5]),
  pool(3, 1, 1, 2, false, [1, 4, 9, 9]),
  simple("globalAveragePool", {}, [[2, 5, 3, 4]]),
  ...[0, 1, 2, 3].map((axis) => simple("softmax", { axis }, [[2, 5, 3, 4]], { scale: 20 })),
  simple("softmax", { axis: 1 }, [[2, 17]], { scale: 20 }),
  ...(
    [
      [16, 4, 5, 4],
      [10, 2, 3, 3],
      [6, 1, 1, 1],
    ] as const
  ).map(([c, heads, h, w]) => {
    const shape = [2, c, h, w];
    return simple("attention", { heads }, [shape, shape, shape], { depth: h * w, scale: 3 });
  }),
  // Values of another width than queries and keys.
  simple(
    "attention",
    { heads: 2 },
    [
      [2, 16, 5, 7],
      [2, 16, 5, 7],
      [2, 32, 5, 7],
    ],
    { depth: 35, scale: 3 },
  ),
  simple(
    "attention",
    { heads: 3 },
    [
      [1, 9, 4, 3],
      [1, 9, 4, 3],
      [1, 6, 4, 3],
    ],
    { depth: 12 },
  ),
];
