/** Depthwise convolution: one filter a channel. */

import { depthwise } from "../../../../kernels/wasm/index.js";
import type { NodeOf } from "../../../../ops/index.js";
import { numbersInPassing } from "../../../../tensor/index.js";
import type { Nhwc } from "../layout.js";
import type { Lowering } from "../lowering.js";
import { packedBias } from "./gemm.js";

export function lowerDepthwise(
  lowering: Lowering,
  node: NodeOf<"conv2d">,
  input: Nhwc,
  output: Nhwc,
  residual: Nhwc | undefined,
): void {
  const { attrs } = node;
  const weight = lowering.weight(node.inputs[1], node);
  const [channels, , kh, kw] = weight.shape;
  const padded = Math.ceil(channels / 4) * 4;
  const bias = attrs.hasBias ? lowering.weight(node.inputs[2], node) : undefined;
  const weights = lowering.constant("depthwise", [weight], kh * kw * padded, (target) => {
    const numbers = numbersInPassing(weight);
    target.fill(0);
    for (let tap = 0; tap < kh * kw; tap++) {
      for (let c = 0; c < channels; c++) target[tap * padded + c] = numbers[c * kh * kw + tap];
    }
  });
  const view = residual ?? output;
  lowering.step(
    depthwise({ activation: attrs.activation, residual: residual !== undefined, unroll: 1 }),
    {
      x: { storage: input.storage, offset: input.offset },
      xPixel: input.pixelBytes,
      xRow: input.w * input.pixelBytes,
      xImage: input.h * input.w * input.pixelBytes,
      inHeight: input.h,
      inWidth: input.w,
      strideY: attrs.stride[0],
      strideX: attrs.stride[1],
      padY: attrs.padding[0],
      padX: attrs.padding[1],
      dilationY: attrs.dilation[0],
      dilationX: attrs.dilation[1],
      kernelY: kh,
      kernelX: kw,
      height: output.h,
      width: output.w,
      channels: padded,
      out: { storage: output.storage, offset: output.offset },
      outPixel: output.pixelBytes,
      outRow: output.w * output.pixelBytes,
      outImage: output.h * output.w * output.pixelBytes,
      weights,
      bias: packedBias(lowering, bias, 0, channels),
      residual: { storage: view.storage, offset: view.offset },
      residualPixel: view.pixelBytes,
    },
    output.n * output.h,
  );
}
