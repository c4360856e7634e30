/** Reductions: global average pooling, softmax, layer normalisation, attention. */

import {
  ATTENTION_QUERIES,
  attention,
  attentionScratch,
  globalAveragePool,
  layerNorm,
  softmax,
} from "../../../kernels/wasm/index.js";
import type { NodeOf } from "../../../ops/index.js";
import { elementCount } from "../../../tensor/index.js";
import { channelCount, oneSegment, storedChannels } from "../../channels.js";
import type { Nhwc } from "./layout.js";
import type { Lowering } from "./lowering.js";
import type { Address } from "./storages.js";

const at = ({ storage, offset }: Nhwc): Address => ({ storage, offset });
/** Floats that one tile of layerNorm covers. */
const TILE_FLOATS = 16384;

export function lowerGlobalAveragePool(lowering: Lowering, node: NodeOf<"globalAveragePool">): void {
  const input = lowering.nhwc(node.inputs[0]);
  const output = lowering.outputNhwc(node.outputs[0]);
  lowering.step(
    globalAveragePool(),
    {
      x: at(input),
      xPixel: input.pixelBytes,
      pixels: input.h * input.w,
      channels: storedChannels(input.segments),
      out: at(output),
      outPixel: output.pixelBytes,
      inverse: { float: 1 / (input.h * input.w) },
    },
    input.n,
  );
}

export function lowerSoftmax(lowering: Lowering, node: NodeOf<"softmax">): void {
  const { axis } = node.attrs;
  const x = lowering.dense(node.inputs[0]);
  const out = lowering.outputDense(node.outputs[0]);
  const inner = elementCount(x.shape.slice(axis + 1));
  lowering.step(
    softmax(),
    {
      x: { storage: x.storage, offset: x.offset },
      out: { storage: out.storage, offset: out.offset },
      size: x.shape[axis],
      inner,
    },
    elementCount(x.shape.slice(0, axis)) * inner,
  );
}

export function lowerLayerNorm(lowering: Lowering, node: NodeOf<"layerNorm">): void {
  const input = lowering.compact(node.inputs[0]);
  const [gain, shift] = node.inputs.slice(1).map((id) => lowering.weight(id, node));
  const output = lowering.outputNhwc(node.outputs[0]);
  const channels = gain.data.length;
  const pixels = output.n * output.h * output.w;
  const blockPixels = Math.max(1, Math.floor(TILE_FLOATS / channels));
  lowering.step(
    layerNorm(),
    {
      x: at(input),
      xPixel: input.pixelBytes,
      out: at(output),
      outPixel: output.pixelBytes,
      pixels,
      blockPixels,
      channels,
      gain: lowering.constant("vector", [gain], channels, (target) => target.set(gain.data)),
      shift: lowering.constant("vector", [shift], channels, (target) => target.set(shift.data)),
      inverse: { float: 1 / channels },
      eps: { float: node.attrs.eps },
    },
    Math.ceil(pixels / blockPixels),
  );
  lowering.clearGaps(output);
}

/** The same pixels with each head's channels padded to a multiple of four, zeros behind them. */
function padHeads(lowering: Lowering, view: Nhwc, heads: number, size: number, padded: number): Nhwc {
  const pixelBytes = heads * padded * 4;
  const { n, h, w } = view;
  const spread: Nhwc = {
    ...view,
    storage: lowering.allocate(n * h * w * pixelBytes),
    offset: 0,
    pixelBytes,
    segments: oneSegment(heads * padded),
  };
  const move = (from: Address, strides: readonly number[], offset: number, count: number): void =>
    lowering.copy(from, { storage: spread.storage, offset }, [n * h, 1, 1, w, heads, count], strides, [
      w * pixelBytes,
      0,
      0,
      pixelBytes,
      padded * 4,
      4,
    ]);
  move(at(view), [w * view.pixelBytes, 0, 0, view.pixelBytes, size * 4, 4], 0, size);
  move(lowering.zeroPage(4), [0, 0, 0, 0, 0, 4], size * 4, padded - size);
  return spread;
}

export function lowerAttention(lowering: Lowering, node: NodeOf<"attention">): void {
  const { heads } = node.attrs;
  const parts = node.inputs.map((id) => {
    const view = lowering.compact(id);
    const size = channelCount(view.segments) / heads;
    const padded = Math.ceil(size / 4) * 4;
    return { view: padded === size ? view : padHeads(lowering, view, heads, size, padded), size, padded };
  });
  const [{ view: q, size: keySize, padded: keyFloats }, { view: k }, { view: v, size, padded }] = parts;
  const even = padded === size;
  const output = lowering.outputNhwc(node.outputs[0]);
  const pixels = output.h * output.w;
  const target: Nhwc = even
    ? output
    : {
        ...output,
        storage: lowering.allocate(output.n * pixels * heads * padded * 4),
        offset: 0,
        pixelBytes: heads * padded * 4,
      };
  lowering.scratchBytes = Math.max(lowering.scratchBytes, attentionScratch(pixels));
  lowering.step(
    attention(),
    {
      q: at(q),
      k: at(k),
      v: at(v),
      qPixel: q.pixelBytes,
      kPixel: k.pixelBytes,
      vPixel: v.pixelBytes,
      out: at(target),
      outPixel: target.pixelBytes,
      pixels,
      heads,
      keyFloats,
      valueFloats: padded,
      scale: { float: 1 / Math.sqrt(keySize) },
    },
    output.n * heads * Math.ceil(pixels / ATTENTION_QUERIES),
  );
  if (even) return;
  const { n, h, w } = output;
  lowering.copy(
    at(target),
    at(output),
    [n * h, 1, 1, w, heads, size],
    [w * target.pixelBytes, 0, 0, target.pixelBytes, padded * 4, 4],
    [w * output.pixelBytes, 0, 0, output.pixelBytes, size * 4, 4],
  );
  lowering.clearGaps(output);
}
