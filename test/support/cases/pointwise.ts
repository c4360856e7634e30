/** Element by element. */

import { ACTIVATIONS, type OpCase, SILU, simple } from "./opCase.js";

export const POINTWISE_CASES: readonly OpCase[] = [
  simple("batchNorm", { eps: 1e-3 }, [[2, 17, 7, 13]], { weights: [[17], [17], [17], [17]] }),
  ...ACTIVATIONS.map((activation) => simple("activation", { activation }, [[1, 5, 7, 13]], { scale: 9 })),
  simple("activation", { activation: SILU }, [[3, 37]]),
  simple("add", {}, [
    [2, 5, 7, 13],
    [2, 5, 7, 13],
  ]),
  simple("add", {}, [
    [1, 3, 1, 1],
    [1, 3, 1, 1],
    [1, 3, 1, 1],
  ]),
  simple("add", {}, [
    [2, 7],
    [2, 7],
  ]),
  simple("scale", { factor: -0.25 }, [[1, 17, 7, 7]]),
  ...ACTIVATIONS.flatMap((activation) => [
    simple("activation", { activation }, [[1, 8, 16, 16]], { scale: 12 }),
    simple("activation", { activation }, [[1, 7]], { scale: 12 }),
  ]),
  simple("batchNorm", { eps: 1e-3 }, [[2, 6, 3, 3]], { weights: [[6], [6], [6], [6]] }),
  simple("add", {}, [
    [1, 5, 4, 4],
    [1, 5, 4, 4],
    [1, 5, 4, 4],
  ]),
  simple("scale", { factor: 0.3 }, [[1, 6, 3, 3]]),
  simple("scale", { factor: -2 }, [[2, 3, 5]]),
];
