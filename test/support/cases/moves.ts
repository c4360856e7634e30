/** Copies and reorderings. */

import { type OpCase, simple } from "./opCase.js";

export const MOVE_CASES: readonly OpCase[] = [
  simple("upsampleNearest", { scale: [2, 2] }, [[2, 5, 7, 13]]),
  simple("upsampleNearest", { scale: [3, 1] }, [[1, 17, 1, 7]]),
  simple("concat", { axis: 1 }, [
    [2, 5, 7, 13],
    [2, 3, 7, 13],
    [2, 17, 7, 13],
  ]),
  simple("concat", { axis: 1 }, [
    [1, 8, 7, 7],
    [1, 4, 7, 7],
  ]),
  simple("concat", { axis: 2 }, [
    [1, 5, 7, 3],
    [1, 5, 2, 3],
  ]),
  simple("concat", { axis: 1 }, [
    [2, 5],
    [2, 7],
  ]),
  simple("pad2d", { padding: [1, 2, 3, 0], value: 0.5 }, [[2, 5, 7, 13]]),
  simple("pad2d", { padding: [-1, 2, 0, -3], value: 0 }, [[1, 3, 7, 13]]),
  simple("spaceToDepth", { block: 2, order: "focus" }, [[2, 3, 14, 20]]),
  simple("spaceToDepth", { block: 2, order: "contract" }, [[1, 5, 2, 14]]),
  simple("depthToSpace", { block: 2 }, [[2, 20, 7, 13]]),
  simple("flatten", {}, [[2, 5, 7, 3]]),
  simple("sliceChannels", { start: 4, end: 9 }, [[2, 17, 7, 13]]),
  simple("sliceChannels", { start: 3, end: 17 }, [[1, 17, 7, 13]]),
  simple("upsampleNearest", { scale: [2, 2] }, [[1, 6, 3, 5]]),
  simple("upsampleNearest", { scale: [3, 1] }, [[2, 8, 3, 2]]),
  simple("upsampleNearest", { scale: [1, 1] }, [[1, 8, 3, 2]]),
  ...[0, 2, 3].map((axis) =>
    simple("concat", { axis }, [
      [1, 3, 2, 4],
      [1, 3, 2, 4],
    ]),
  ),
  simple("concat", { axis: 1 }, [
    [1, 3, 5],
    [1, 4, 5],
  ]),
  simple("pad2d", { padding: [1, 2, 3, 0], value: 0.5 }, [[1, 5, 4, 3]]),
  simple("pad2d", { padding: [-1, 1, 0, -2], value: 0 }, [[1, 5, 4, 3]]),
  simple("spaceToDepth", { block: 2, order: "focus" }, [[2, 3, 4, 6]]),
  simple("depthToSpace", { block: 2 }, [[1, 12, 3, 2]]),
  simple("depthToSpace", { block: 2 }, [[1, 16, 2, 3]]),
  simple("flatten", {}, [[2, 5, 3, 2]]),
  simple("sliceChannels", { start: 3, end: 10 }, [[2, 21, 3, 2]]),
  simple("sliceChannels", { start: 8, end: 21 }, [[2, 21, 3, 2]]),
];
