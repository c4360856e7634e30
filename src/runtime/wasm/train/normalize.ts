/** Gradients of softmax, layerNorm and batchNorm. Those of gains are sums of products over pixels. */

import { affineKernel, layerNorm } from "../../../kernels/wasm/index.js";
import { depthwiseWeightGradient, layerNormGradient, softmaxGradient } from "../../../kernels/wasm/train/index.js";
import type { GradientNodeOf } from "../../../ops/gradients/index.js";
import type { ValueId } from "../../../ops/index.js";
import { elementCount, type HostTensor } from "../../../tensor/index.js";
import { storedChannels } from "../../channels.js";
import type { Nhwc } from "../lower/layout.js";
import type { Lowering } from "../lower/lowering.js";
import type { Address } from "../lower/storages.js";

/** Floats that one tile of a kernel over pixels covers. */
const TILE_FLOATS = 16384;

const at = ({ storage, offset }: Address): Address => ({ storage, offset });

/** All pixels of a value, and how many a tile takes. */
function blocks({ n, h, w, segments }: Nhwc) {
  const pixels = n * h * w;
  const blockPixels = Math.max(1, Math.floor(TILE_FLOATS / storedChannels(segments)));
  return { pixels, blockPixels, tiles: Math.ceil(pixels / blockPixels) };
}

function constantOf(lowering: Lowering, id: ValueId): HostTensor<"float32"> {
  return lowering.graph.constants.get(id) as HostTensor<"float32">;
}

/** A number for each stored channel. */
function perChannel(
  lowering: Lowering,
  key: string,
  sources: readonly HostTensor[],
  channels: number,
  value: (channel: number) => number,
): Address {
  return lowering.constant(key, sources, Math.ceil(channels / 4) * 4, (target) => {
    for (let c = 0; c < channels; c++) target[c] = value(c);
  });
}

function likeOf(lowering: Lowering, view: Nhwc): Nhwc {
  return { ...view, storage: lowering.allocate(view.n * view.h * view.w * view.pixelBytes), offset: 0 };
}

/** Σ x · dy of each channel over all pixels: the filter of one tap that each channel has for itself. */
function sumProducts(lowering: Lowering, x: Nhwc, dy: Nhwc, output: ValueId): void {
  const out = lowering.outputDense(output);
  const [channels] = out.shape;
  const vectors = Math.ceil(channels / 4);
  lowering.step(
    depthwiseWeightGradient(),
    {
      x: at(x),
      xStep: x.pixelBytes,
      xRow: x.w * x.pixelBytes,
      xImage: 0,
      dy: at(dy),
      dyPixel: dy.pixelBytes,
      dyRow: dy.w * dy.pixelBytes,
      dyImage: 0,
      images: 1,
      taps: 1,
      tapTable: lowering.table([0, 0, x.n * x.h, 0, x.w]),
      vectors,
      channels,
      out: at(out),
    },
    vectors,
  );
}

export function lowerSoftmaxGradient(lowering: Lowering, node: GradientNodeOf<"softmaxGradient">): void {
  const { axis } = node.attrs;
  const [y, dy] = node.inputs.map((id) => lowering.dense(id));
  const out = lowering.outputDense(node.outputs[0]);
  const inner = elementCount(y.shape.slice(axis + 1));
  lowering.step(
    softmaxGradient(),
    { y: at(y), dy: at(dy), out: at(out), size: y.shape[axis], inner },
    elementCount(y.shape.slice(0, axis)) * inner,
  );
}

export function lowerLayerNormGradient(lowering: Lowering, node: GradientNodeOf<"layerNormGradient">): void {
  const [x, dy] = [node.inputs[0], node.inputs[2]].map((id) => lowering.compact(id));
  const gain = constantOf(lowering, node.inputs[1]);
  const channels = gain.data.length;
  const out = lowering.outputNhwc(node.outputs[0]);
  const { pixels, blockPixels, tiles } = blocks(x);
  lowering.step(
    layerNormGradient(),
    {
      x: at(x),
      xPixel: x.pixelBytes,
      dy: at(dy),
      dyPixel: dy.pixelBytes,
      out: at(out),
      outPixel: out.pixelBytes,
      pixels,
      blockPixels,
      channels,
      gain: perChannel(lowering, "gain", [gain], channels, (c) => gain.data[c]),
      inverse: { float: 1 / channels },
      eps: { float: node.attrs.eps },
    },
    tiles,
  );
  lowering.clearGaps(out);
}

export function lowerLayerNormWeightGradient(
  lowering: Lowering,
  node: GradientNodeOf<"layerNormWeightGradient">,
): void {
  const [x, dy] = node.inputs.map((id) => lowering.compact(id));
  const channels = lowering.shape(node.inputs[0])[1];
  const normal = likeOf(lowering, x);
  const { pixels, blockPixels, tiles } = blocks(x);
  lowering.step(
    layerNorm(),
    {
      x: at(x),
      xPixel: x.pixelBytes,
      out: at(normal),
      outPixel: normal.pixelBytes,
      pixels,
      blockPixels,
      channels,
      gain: perChannel(lowering, `ones ${channels}`, [], channels, () => 1),
      shift: lowering.zeroPage(channels),
      inverse: { float: 1 / channels },
      eps: { float: node.attrs.eps },
    },
    tiles,
  );
  lowering.clearGaps(normal);
  sumProducts(lowering, normal, dy, node.outputs[0]);
}

export function lowerBatchNormWeightGradient(
  lowering: Lowering,
  node: GradientNodeOf<"batchNormWeightGradient">,
): void {
  const [x, dy] = node.inputs.slice(0, 2).map((id) => lowering.compact(id));
  const sources = node.inputs.slice(2).map((id) => constantOf(lowering, id));
  const [mean, variance] = sources.map(({ data }) => data);
  const channels = mean.length;
  const gain = (c: number): number => 1 / Math.sqrt(variance[c] + node.attrs.eps);
  const normal = likeOf(lowering, x);
  const { pixels, blockPixels, tiles } = blocks(x);
  const vector = (key: string, value: (c: number) => number): Address =>
    perChannel(lowering, `${key} ${node.attrs.eps}`, sources, channels, value);
  lowering.step(
    affineKernel(),
    {
      x: at(x),
      xStep: x.pixelBytes,
      out: at(normal),
      outStep: normal.pixelBytes,
      pixels,
      blockPixels,
      floats: storedChannels(x.segments),
      gain: vector("normal gain", gain),
      shift: vector("normal shift", (c) => -mean[c] * gain(c)),
    },
    tiles,
  );
  sumProducts(lowering, normal, dy, node.outputs[0]);
}
