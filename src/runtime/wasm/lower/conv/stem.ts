/**
 * The first convolution, over the network's own input of few channels, read as planes.
 *
 * 6×6 of stride 2 (YOLOv5 since v6.0): blocks of 2×2 pixels become channels, and a 3×3 kernel over blocks goes through
 * Winograd. Any other: planes with a border of zeros, so that rows of the kernel are runs of floats and no tap needs a
 * check.
 */

import {
  convPoint,
  focus,
  PANEL,
  packedFloats,
  packPanels,
  panelsOf,
  WINOGRAD_STRIDE_1,
} from "../../../../kernels/wasm/index.js";
import { consumersOf, type NodeOf } from "../../../../ops/index.js";
import type { HostTensor } from "../../../../tensor/index.js";
import { numbersInPassing } from "../../../../tensor/index.js";
import { oneSegment } from "../../../channels.js";
import { NO_ROUNDING } from "../integers/view.js";
import type { Nhwc } from "../layout.js";
import type { Lowering } from "../lowering.js";
import { packedBias } from "./gemm.js";
import { emitWinograd } from "./winograd.js";

type Conv = NodeOf<"conv2d">;

/** Channels up to which whole vectors of channels would waste more than planes do. */
const MOST_CHANNELS = 4;
/** Steps of K that the micro-kernel may unroll. */
const MOST_UNROLL = 8;
/** Output pixels of a tile. */
const BLOCK = 80;

/** An input of the graph that only this convolution reads. */
export function suitsStem(lowering: Lowering, { inputs, attrs }: Conv): boolean {
  const { graph, options } = lowering;
  const [x, weight] = inputs;
  const [, channels, , kw] = lowering.shape(weight);
  if (!graph.inputs.includes(x) || graph.outputs.includes(x) || options.keep.has(x)) return false;
  if (inputs.lastIndexOf(x) !== 0 || consumersOf(graph).get(x)?.length !== 1) return false;
  return channels <= MOST_CHANNELS && attrs.groups === 1 && attrs.dilation[1] === 1 && kw > 1 && kw <= MOST_UNROLL;
}

/** 6×6, stride 2, padding 2 over an even input. */
function suitsBlocks(lowering: Lowering, { inputs, attrs }: Conv): boolean {
  const [, , h, w] = lowering.shape(inputs[0]);
  const [, , kh, kw] = lowering.shape(inputs[1]);
  const is = (pair: readonly number[], value: number): boolean => pair[0] === value && pair[1] === value;
  return (
    is([kh, kw], 6) && is(attrs.stride, 2) && is(attrs.padding, 2) && is([h % 2, w % 2], 0) && is(attrs.dilation, 1)
  );
}

function lowerBlocks(lowering: Lowering, node: Conv): void {
  const { attrs } = node;
  const weight = lowering.weight(node.inputs[1], node);
  const [outputs, channels] = weight.shape;
  const planes = lowering.dense(node.inputs[0]);
  const [n, , height, width] = planes.shape;
  const [h, w] = [height / 2, width / 2];
  const depth = channels * 4;
  const pixelBytes = depth * 4;
  const storage = lowering.allocate(n * h * w * pixelBytes);
  const input: Nhwc = { storage, offset: 0, n, h, w, pixelBytes, segments: oneSegment(depth) };
  lowering.step(
    focus(),
    {
      x: { storage: planes.storage, offset: planes.offset },
      planes: channels,
      height: h,
      width: w,
      out: { storage, offset: 0 },
      outPixel: pixelBytes,
    },
    n * h,
  );
  emitWinograd(lowering, {
    scheme: WINOGRAD_STRIDE_1,
    input,
    output: lowering.outputNhwc(node.outputs[0]),
    residual: undefined,
    padding: [1, 1],
    activation: attrs.activation,
    weights: { source: weight, key: "blocks", data: () => weightsOverBlocks(weight) },
    outputs,
    at: (o, float) => (o * depth + float) * 9,
    bias: attrs.hasBias ? lowering.weight(node.inputs[2], node) : undefined,
  });
}

/** OIHW 6×6 as 3×3 over blocks: row 2·Y + dy of the kernel meets row dy of block Y. */
function weightsOverBlocks({ data, shape: [outputs, channels] }: HostTensor<"float32">): Float32Array {
  const weights = new Float32Array(outputs * channels * 36);
  for (let row = 0; row < outputs * channels; row++) {
    for (let ky = 0; ky < 6; ky++) {
      for (let kx = 0; kx < 6; kx++) {
        const channel = row * 4 + (ky % 2) * 2 + (kx % 2);
        weights[channel * 9 + (ky >> 1) * 3 + (kx >> 1)] = data[row * 36 + ky * 6 + kx];
      }
    }
  }
  return weights;
}

export function lowerStem(lowering: Lowering, node: Conv): void {
  const { attrs } = node;
  if (!attrs.hasResidual && suitsBlocks(lowering, node)) {
    lowerBlocks(lowering, node);
    return;
  }
  const weight = lowering.weight(node.inputs[1], node);
  const bias = attrs.hasBias ? lowering.weight(node.inputs[2], node) : undefined;
  const [outputs, channels, kh, kw] = weight.shape;
  const planes = lowering.paddedInput(node.inputs[0], attrs.padding);
  const residual = attrs.hasResidual ? lowering.compact(node.inputs[node.inputs.length - 1]) : undefined;
  const output = lowering.outputNhwc(node.outputs[0]);
  const { full, half } = panelsOf(outputs);
  const depth = channels * kh * kw;
  // One tap is a row of the kernel in one plane; K runs over planes, rows, columns, which is the order of OIHW.
  const taps: number[] = [];
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < kh; y++) taps.push((c * planes.plane + y * attrs.dilation[0] * planes.row) * 4);
  }
  const blockWidth = Math.min(BLOCK, Math.ceil(output.w / 4) * 4);
  const blocksPerRow = Math.ceil(output.w / blockWidth);
  const view = residual ?? output;
  lowering.step(
    convPoint({ activation: attrs.activation, residual: residual !== undefined, unroll: kw }, false),
    {
      x: { storage: planes.storage, offset: 0 },
      xStep: attrs.stride[1] * 4,
      xRow: attrs.stride[0] * planes.row * 4,
      xImage: channels * planes.plane * 4,
      rowsPerImage: output.h,
      width: output.w,
      blockWidth,
      blocksPerRow,
      panelBlocks: 1,
      panelsPerBlock: full + (half ? 1 : 0),
      panels: full,
      half: half ? 1 : 0,
      taps: taps.length,
      tapTable: lowering.table(taps),
      depth: kw,
      weights: lowering.constant(`rows ${outputs}×${depth}`, [weight], packedFloats(outputs, depth), (target) =>
        packPanels(target, numbersInPassing(weight), outputs, depth, (k) => [k, depth]),
      ),
      panelBytes: depth * PANEL * 4,
      bias: packedBias(lowering, bias, 0, outputs),
      scales: 0,
      starts: 0,
      ...NO_ROUNDING,
      out: { storage: output.storage, offset: output.offset },
      outStep: output.pixelBytes,
      outRow: output.w * output.pixelBytes,
      outImage: output.h * output.w * output.pixelBytes,
      residual: { storage: view.storage, offset: view.offset },
      residualStep: view.pixelBytes,
    },
    output.n * output.h * blocksPerRow,
  );
}
