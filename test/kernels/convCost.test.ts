/** The estimate of a convolution's time on a GPU: never below the floor, and the choice that follows from it. */

import { describe, expect, it } from "vitest";
import {
  type ConvProblem,
  estimate,
  MIDDLING_GPU,
  pixelCount,
  storedBytes,
  storedTensor,
} from "../../src/kernels/wgsl/index.js";
import { CONV_KERNELS, cheapestOf } from "../../src/runtime/webgpu/choose/convKernels.js";

interface Layer {
  readonly channels: readonly [from: number, to: number];
  readonly size: number;
  readonly window?: number;
  readonly groups?: number;
  readonly batch?: number;
  readonly half?: boolean;
}

function problemOf({
  channels: [from, to],
  size,
  window = 1,
  groups = 1,
  batch = 1,
  half = false,
}: Layer): ConvProblem {
  const stored = (channels: number) => storedTensor(batch, channels, size, size, half ? 8 : 16);
  return {
    input: stored(from),
    output: stored(to),
    inChannels: from,
    outChannels: to,
    kernel: [window, window],
    stride: [1, 1],
    padding: [window >> 1, window >> 1],
    dilation: [1, 1],
    groups,
    activation: { kind: "silu" },
    residual: "none",
    inputChannels: Array.from({ length: from }, (_, i) => i),
    compactInput: true,
  };
}

const LAYERS: readonly Layer[] = [
  { channels: [12, 16], size: 320, window: 3 },
  { channels: [32, 32], size: 160 },
  { channels: [32, 32], size: 80, window: 3 },
  { channels: [256, 256], size: 20 },
  { channels: [128, 128], size: 20, window: 3 },
  { channels: [320, 320], size: 80, window: 3 },
  { channels: [1280, 1280], size: 20 },
  { channels: [64, 64], size: 40, window: 3, groups: 64 },
  { channels: [3, 5], size: 7, window: 3, half: true },
];

const timesOf = (problem: ConvProblem): Map<string, number> =>
  new Map(
    [...CONV_KERNELS].flatMap(([name, kernel]): [string, number][] =>
      kernel.supports(problem) ? [[name, estimate(kernel.work(problem), problem)]] : [],
    ),
  );

const COMPETING = [...CONV_KERNELS].filter(([, kernel]) => !kernel.onlyTuned);
const pick = cheapestOf(COMPETING.map(([, kernel]) => kernel));
const chosen = (layer: Layer): string => {
  const kernel = pick(problemOf(layer));
  return [...CONV_KERNELS].find(([, other]) => other === kernel)?.[0] ?? "";
};

describe("the estimate", () => {
  it.each(LAYERS)("is never below the floor for $channels at $size", (layer) => {
    const problem = problemOf(layer);
    const { output, input, inChannels, outChannels, groups, kernel } = problem;
    const { units, lanes, clock, bandwidth } = MIDDLING_GPU;
    const fmas = ((pixelCount(output) * outChannels * inChannels) / groups) * kernel[0] * kernel[1];
    const floor = Math.max(fmas / (units * lanes * clock), (storedBytes(input) + storedBytes(output)) / bandwidth);
    const times = timesOf(problem);
    expect(times.size).toBeGreaterThan(0);
    // Winograd F(2×2, 3×3) needs 16 products in place of 36.
    const share = (name: string) => (name === "conv2d_winograd" ? 16 / 36 : 1);
    for (const [name, time] of times) expect(time, name).toBeGreaterThanOrEqual(0.9 * share(name) * floor);
  });

  it("counts waves: more pictures never take less, nor less than their share of a full device", () => {
    for (const [name, kernel] of CONV_KERNELS) {
      let before = 0;
      for (const batch of [1, 2, 4, 8, 64]) {
        const problem = problemOf({
          channels: [64, 64],
          size: 40,
          groups: name === "conv2d_depthwise" ? 64 : 1,
          window: name === "conv2d_winograd" ? 3 : 1,
          batch,
        });
        if (!kernel.supports(problem)) throw new Error(name);
        const time = estimate(kernel.work(problem), problem);
        expect(time, `${name}, batch ${batch}`).toBeGreaterThanOrEqual(before);
        before = time;
      }
    }
  });

  it("counts waste: a tile twice as wide as the output costs about double", () => {
    const times = timesOf(problemOf({ channels: [256, 32], size: 320, window: 3 }));
    const wide = times.get("conv2d_tiled 64x64/4") ?? 0;
    const fitting = times.get("conv2d_tiled 64x32/4") ?? 0;
    expect(wide / fitting).toBeGreaterThan(1.5);
  });

  it("counts bytes: float16 is faster if memory is the limit", () => {
    for (const [name, time] of timesOf(problemOf({ channels: [32, 32], size: 320, half: true }))) {
      expect(time, name).toBeLessThan(timesOf(problemOf({ channels: [32, 32], size: 320 })).get(name) ?? 0);
    }
  });
});

describe("the choice", () => {
  it("is the cheapest kernel that supports the problem", () => {
    for (const layer of LAYERS) {
      const times = timesOf(problemOf(layer));
      const competing = COMPETING.map(([name]) => times.get(name) ?? Number.POSITIVE_INFINITY);
      expect(times.get(chosen(layer)), JSON.stringify(layer)).toBe(Math.min(...competing));
    }
  });

  it.each([
    ["small tiles for small maps", { channels: [128, 128], size: 20, window: 3 }, "conv2d_tiled 16x16/8"],
    ["the tile that fits 32 channels", { channels: [32, 32], size: 160, window: 3 }, "conv2d_tiled 64x32/4"],
    ["larger tiles for much work", { channels: [640, 640], size: 40, window: 3 }, "conv2d_tiled 64x64/4"],
    ["a plain GEMM for 1×1", { channels: [128, 128], size: 40 }, "conv2d_1x1 64x32/4"],
    ["a plain GEMM where memory is the limit", { channels: [64, 64], size: 80 }, /^conv2d_1x1/],
    ["the depthwise kernel", { channels: [64, 64], size: 40, window: 3, groups: 64 }, "conv2d_depthwise"],
    ["the naive kernel where no other can", { channels: [64, 64], size: 40, window: 3, groups: 4 }, "conv2d_naive"],
  ] satisfies [string, Layer, string | RegExp][])("%s", (_, layer, expected) => {
    expect(chosen(layer)).toMatch(expected);
  });
});
