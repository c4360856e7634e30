/** Element-wise ops and pooling. */

import {
  activationKernel,
  addKernel,
  affineKernel,
  type ElementwiseField,
  type Kernel,
  maxPool,
  scaleKernel,
} from "../../../kernels/wasm/index.js";
import type { NodeOf, ValueId } from "../../../ops/index.js";
import { elementCount } from "../../../tensor/index.js";
import { channelsOfStored, segmentsKey, storedChannels } from "../../channels.js";
import { type Nhwc, type PixelRows, pixelRows } from "./layout.js";
import type { Lowering } from "./lowering.js";
import { type Address, roundUp } from "./storages.js";

/** Floats that one tile of an element-wise kernel covers. */
const TILE_FLOATS = 16384;

/** A value as pixels of whole vectors. */
interface Run extends Address {
  readonly step: number;
}

function emit(
  lowering: Lowering,
  kernel: Kernel<ElementwiseField>,
  x: Run,
  y: Run,
  out: Run,
  pixels: number,
  floats: number,
  factor = 0,
): void {
  const blockPixels = Math.max(1, Math.floor(TILE_FLOATS / floats));
  const at = ({ storage, offset }: Run): Address => ({ storage, offset });
  lowering.step(
    kernel,
    {
      x: at(x),
      xStep: x.step,
      y: at(y),
      yStep: y.step,
      out: at(out),
      outStep: out.step,
      pixels,
      blockPixels,
      floats,
      factor: { float: factor },
    },
    Math.ceil(pixels / blockPixels),
  );
}

/** Applies an element-wise kernel to one or two values of one shape. */
export function elementwise(
  lowering: Lowering,
  kernel: Kernel<ElementwiseField>,
  inputs: readonly ValueId[],
  output: ValueId,
  factor?: number,
): void {
  const shape = lowering.shape(output);
  const runs = (ids: readonly ValueId[]): { runs: Run[]; out: Run; pixels: number; floats: number } => {
    if (shape.length !== 4) {
      const dense = ids.map((id) => lowering.dense(id));
      const out = lowering.outputDense(output);
      const step = 0;
      return {
        runs: dense.map((d) => ({ storage: d.storage, offset: d.offset, step })),
        out: { storage: out.storage, offset: out.offset, step },
        pixels: 1,
        floats: roundUp(elementCount(shape), 4),
      };
    }
    const target = lowering.segments(output);
    const same = ids.every((id) => storedChannels(lowering.segments(id)) === storedChannels(target));
    const views = ids.map((id) =>
      same && lowering.segments(id).length === target.length ? lowering.nhwc(id) : lowering.compact(id),
    );
    const out = lowering.outputNhwc(output);
    return {
      runs: views.map((v) => ({ storage: v.storage, offset: v.offset, step: v.pixelBytes })),
      out: { storage: out.storage, offset: out.offset, step: out.pixelBytes },
      pixels: out.n * out.h * out.w,
      floats: storedChannels(target),
    };
  };
  const {
    runs: [first, ...rest],
    out,
    pixels,
    floats,
  } = runs(inputs);
  if (rest.length === 0) emit(lowering, kernel, first, first, out, pixels, floats, factor);
  rest.forEach((other, i) => {
    emit(lowering, kernel, i === 0 ? first : out, other, out, pixels, floats, factor);
  });
}

export function lowerActivation(lowering: Lowering, node: NodeOf<"activation">): void {
  const [output] = node.outputs;
  if (node.attrs.activation.kind === "identity") {
    if (lowering.shape(output).length === 4) lowering.alias(output, lowering.nhwc(node.inputs[0]));
    else lowering.aliasDense(output, lowering.dense(node.inputs[0]));
    return;
  }
  elementwise(lowering, activationKernel(node.attrs.activation), node.inputs, output);
}

export function lowerAdd(lowering: Lowering, node: NodeOf<"add">): void {
  elementwise(lowering, addKernel(), node.inputs, node.outputs[0]);
}

export function lowerScale(lowering: Lowering, node: NodeOf<"scale">): void {
  elementwise(lowering, scaleKernel(), node.inputs, node.outputs[0], node.attrs.factor);
}

/** Multiplies what is stored, in place. */
export function scaleRun(
  lowering: Lowering,
  { storage, offset, pixelBytes, n, h, w, segments }: Nhwc,
  factor: number,
): void {
  const run: Run = { storage, offset, step: pixelBytes };
  emit(lowering, scaleKernel(), run, run, run, n * h * w, storedChannels(segments), factor);
}

/** (x − μ)·γ/√(σ² + eps) + β as x·gain + shift. */
export function lowerBatchNorm(lowering: Lowering, node: NodeOf<"batchNorm">): void {
  const view = lowering.nhwc(node.inputs[0]);
  const weights = node.inputs.slice(1).map((id) => lowering.weight(id, node));
  const [gamma, beta, mean, variance] = weights.map(({ data }) => data);
  const output = lowering.outputNhwc(node.outputs[0]);
  const map = channelsOfStored(view.segments);
  const gain = (c: number): number => gamma[c] / Math.sqrt(variance[c] + node.attrs.eps);
  const key = `${node.attrs.eps} ${segmentsKey(view.segments)}`;
  const spread = (name: string, value: (channel: number) => number): Address =>
    lowering.constant(`batchNorm ${name} ${key}`, weights, map.length, (target) => {
      map.forEach((channel, i) => {
        target[i] = channel < 0 ? 0 : value(channel);
      });
    });
  const pixels = output.n * output.h * output.w;
  const blockPixels = Math.max(1, Math.floor(TILE_FLOATS / map.length));
  lowering.step(
    affineKernel(),
    {
      x: { storage: view.storage, offset: view.offset },
      xStep: view.pixelBytes,
      out: { storage: output.storage, offset: output.offset },
      outStep: output.pixelBytes,
      pixels,
      blockPixels,
      floats: map.length,
      gain: spread("gain", gain),
      shift: spread("shift", (c) => beta[c] - mean[c] * gain(c)),
    },
    Math.ceil(pixels / blockPixels),
  );
}

/** The arguments of a max pool's kernel. @param channels numbers of a pixel that it takes at a time */
export function maxPoolArguments(
  { kernel, stride, padding, dilation }: NodeOf<"maxPool2d">["attrs"],
  x: PixelRows,
  out: PixelRows,
  channels: number,
) {
  return {
    x: { storage: x.storage, offset: x.offset },
    xPixel: x.pixelBytes,
    xRow: x.rowBytes,
    xImage: x.imageBytes,
    inHeight: x.h,
    inWidth: x.w,
    strideY: stride[0],
    strideX: stride[1],
    padY: padding[0],
    padX: padding[1],
    dilationY: dilation[0],
    dilationX: dilation[1],
    kernelY: kernel[0],
    kernelX: kernel[1],
    height: out.h,
    width: out.w,
    channels,
    out: { storage: out.storage, offset: out.offset },
    outPixel: out.pixelBytes,
    outRow: out.rowBytes,
    outImage: out.imageBytes,
    weights: 0,
    bias: 0,
    residual: 0,
    residualPixel: 0,
  };
}

export function lowerMaxPool(lowering: Lowering, node: NodeOf<"maxPool2d">): void {
  const input = lowering.nhwc(node.inputs[0]);
  const output = lowering.outputNhwc(node.outputs[0]);
  const channels = storedChannels(output.segments);
  lowering.step(
    maxPool(),
    maxPoolArguments(node.attrs, pixelRows(input), pixelRows(output), channels),
    output.n * output.h,
  );
}
