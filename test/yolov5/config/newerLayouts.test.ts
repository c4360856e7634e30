/** Layouts of networks without anchors beside the released ones: v3u and its tiny one, heads from stride 4 on, ghost blocks. */

import { afterAll, describe, expect, it } from "vitest";
import { openWasm } from "../../../src/node/wasm.js";
import { createCpuBackend } from "../../../src/runtime/cpu/backend.js";
import { compare } from "../../../src/tensor/index.js";
import { parseModelConfig } from "../../../src/yolov5/config/modelConfig.js";
import { randomSource } from "../../../src/yolov5/config/sources.js";
import { synthesizeModule } from "../../../src/yolov5/config/synthesize.js";
import { buildGraph } from "../../../src/yolov5/graph/buildGraph.js";
import { Network } from "../../../src/yolov5/network.js";
import { randomTensor } from "../../support/random.js";

type Line = readonly [number | readonly number[], number, string, readonly unknown[]];

const SIZE = 64;
/** A sixteenth of the published widths, and one repeat of each block. */
const SMALL = { nc: 3, scale: "t", scales: { t: [0.33, 1 / 16, 1024] } };

const conv = (channels: number, kernel = 3, stride = 1): Line => [-1, 1, "Conv", [channels, kernel, stride]];
const up: Line = [-1, 1, "nn.Upsample", ["None", 2, "nearest"]];
const join = (layer: number): Line => [[-1, layer], 1, "Concat", [1]];
const detect = (...layers: readonly number[]): Line => [layers, 1, "Detect", ["nc"]];
const pool = (stride: number): Line => [-1, 1, "nn.MaxPool2d", [2, stride, 0]];
const residual = (channels: number, repeats: number): Line => [-1, repeats, "Bottleneck", [channels]];

/** Darknet-53's stages, then three levels that each add to the one before. */
const V3: readonly Line[] = [
  ...[conv(32), conv(64, 3, 2), residual(64, 1), conv(128, 3, 2), residual(128, 2), conv(256, 3, 2)],
  ...[residual(256, 8), conv(512, 3, 2), residual(512, 8), conv(1024, 3, 2), residual(1024, 4)],
  ...([
    [-1, 1, "Bottleneck", [1024, false]],
    conv(512, 1),
    conv(1024),
    conv(512, 1),
    conv(1024),
    [-2, 1, "Conv", [256, 1, 1]],
    up,
    join(8),
    [-1, 1, "Bottleneck", [512, false]],
    [-1, 1, "Bottleneck", [512, false]],
    conv(256, 1),
    conv(512),
    [-2, 1, "Conv", [128, 1, 1]],
    up,
    join(6),
    [-1, 1, "Bottleneck", [256, false]],
    [-1, 2, "Bottleneck", [256, false]],
    detect(27, 22, 15),
  ] satisfies Line[]),
];

const V3_TINY: readonly Line[] = [
  ...[16, 32, 64, 128, 256].flatMap((channels) => [conv(channels), pool(2)]),
  conv(512),
  [-1, 1, "nn.ZeroPad2d", [[0, 1, 0, 1]]],
  pool(1),
  ...[conv(1024), conv(256, 1), conv(512)],
  [-2, 1, "Conv", [128, 1, 1]],
  ...[up, join(8), conv(256)],
  detect(19, 15),
];

/** v8's backbone and paths with the given block and downsampling; with `p2` a level at stride 4. */
function v8(block: string, down: string, p2: boolean): readonly Line[] {
  const stage = (channels: number, ...rest: readonly unknown[]): Line => [-1, 3, block, [channels, ...rest]];
  const half = (channels: number): Line => [-1, 1, down, [channels, 3, 2]];
  const backbone = [conv(64, 3, 2), ...[128, 256, 512, 1024].flatMap((c) => [half(c), stage(c, true)])];
  const neck: readonly Line[] = [[-1, 1, "SPPF", [1024, 5]], up, join(6), stage(512), up, join(4), stage(256)];
  if (!p2) {
    const back = [half(256), join(12), stage(512), half(512), join(9), stage(1024), detect(15, 18, 21)];
    return [...backbone, ...neck, ...back];
  }
  const finest = [up, join(2), stage(128), half(128), join(15), stage(256), half(256), join(12), stage(512)];
  return [...backbone, ...neck, ...finest, half(512), join(9), stage(1024), detect(18, 21, 24, 27)];
}

const LAYOUTS: readonly (readonly [name: string, layers: readonly Line[], strides: readonly number[]])[] = [
  ["v3u", V3, [8, 16, 32]],
  ["v3-tinyu", V3_TINY, [16, 32]],
  ["v8 with SCDown", v8("C2f", "SCDown", false), [8, 16, 32]],
  ["v8-p2", v8("C2f", "Conv", true), [4, 8, 16, 32]],
  ["v8-ghost", v8("C3Ghost", "GhostConv", false), [8, 16, 32]],
];

describe.each(LAYOUTS)("%s", (_, layers, strides) => {
  const wasm = openWasm({ threads: 1 });
  afterAll(async () => (await wasm).dispose());
  const config = parseModelConfig({ ...SMALL, backbone: layers, head: [] });
  const module = synthesizeModule(config, randomSource(3));

  it("has a head without anchors with the right strides", () => {
    const { head } = buildGraph(module, [1, 3, SIZE, SIZE]);
    expect(head).toMatchObject({ family: "ultralytics", kind: "detect", classes: 3, strides, anchors: [] });
  });

  it("gives the same on wasm as on the reference", async () => {
    const input = randomTensor([1, 3, SIZE, SIZE], 5);
    const [wanted] = await new Network(module, createCpuBackend()).forward(input);
    const [found] = await new Network(module, await wasm).forward(input);
    const rows = strides.reduce((sum, stride) => sum + (SIZE / stride) ** 2, 0);
    expect(found.shape).toEqual([1, rows, 4 + 3]);
    expect(compare(found, wanted).nmse).toBeLessThan(1e-9);
  });
});
