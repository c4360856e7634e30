/**
 * The first convolution, over the network's own input of few channels: it reads planes with a border of zeros, so rows
 * of the kernel are runs of floats and no tap needs a check.
 */

import { convPoint, PANEL, packedFloats, packPanels, panelsOf } from "../../../kernels/wasm/index.js";
import { consumersOf, type NodeOf } from "../../../ops/index.js";
import type { Lowering } from "../lowering.js";
import { packedBias } from "./gemm.js";

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

export function lowerStem(lowering: Lowering, node: Conv): void {
  const { attrs } = node;
  const weight = lowering.weight(node.inputs[1], node);
  const bias = attrs.hasBias ? lowering.weight(node.inputs[2], node).data : undefined;
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
      x: { block: planes.block, offset: 0 },
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
      weights: lowering.constant(packedFloats(outputs, depth), (target) =>
        packPanels(target, weight.data, outputs, depth, (k) => [k, depth]),
      ),
      panelBytes: depth * PANEL * 4,
      bias: packedBias(lowering, bias, 0, outputs),
      out: { block: output.block, offset: output.offset },
      outStep: output.pixelBytes,
      residual: { block: view.block, offset: view.offset },
      residualStep: view.pixelBytes,
    },
    output.n * output.h * blocksPerRow,
  );
}
