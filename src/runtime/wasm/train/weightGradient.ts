/** convWeightGradient: where the pixels of each tap begin and end, one step a group. */

import {
  depthwiseWeightGradient,
  GRADIENT_PANEL,
  weightGradient,
  weightGradientScratch,
} from "../../../kernels/wasm/train/index.js";
import type { GradientNodeOf } from "../../../ops/gradients/index.js";
import { channelsOfStored, storedChannels } from "../../channels.js";
import type { Nhwc } from "../lower/layout.js";
import type { Lowering } from "../lower/lowering.js";
import type { Address } from "../lower/storages.js";

type Node = GradientNodeOf<"convWeightGradient">;

/** Pixels of a row that a kernel of one tap should find: fewer are joined with the next rows. */
const LEAST_ROW = 64;

const at = (view: Nhwc, bytes: number): Address => ({ storage: view.storage, offset: view.offset + bytes });

/** Rows of both operands, and which of them each tap meets. */
function geometry(lowering: Lowering, { attrs }: Node, x: Nhwc, dy: Nhwc) {
  const { kernel, stride, padding, dilation } = attrs;
  const isOne = (pair: readonly number[]): boolean => pair[0] === 1 && pair[1] === 1;
  if (isOne(kernel) && isOne(stride) && padding[0] === 0 && padding[1] === 0) {
    // All pixels are one row, which is cut where it is convenient.
    const pixels = dy.n * dy.h * dy.w;
    let width = dy.w;
    for (let rows = 1; rows <= dy.n * dy.h && width < LEAST_ROW; rows++) {
      if ((dy.n * dy.h) % rows === 0) width = rows * dy.w;
    }
    return {
      images: 1,
      taps: 1,
      tapTable: lowering.table([0, 0, pixels / width, 0, width]),
      xStep: x.pixelBytes,
      xRow: width * x.pixelBytes,
      xImage: 0,
      dyPixel: dy.pixelBytes,
      dyRow: width * dy.pixelBytes,
      dyImage: 0,
    };
  }
  /** Outputs whose tap lies within the input. */
  const reach = (shift: number, size: number, step: number, out: number): readonly [number, number] => {
    const first = Math.max(0, Math.ceil(-shift / step));
    return [first, Math.max(first, Math.min(out, Math.floor((size - 1 - shift) / step) + 1))];
  };
  const table: number[] = [];
  for (let ky = 0; ky < kernel[0]; ky++) {
    for (let kx = 0; kx < kernel[1]; kx++) {
      const [shiftY, shiftX] = [ky * dilation[0] - padding[0], kx * dilation[1] - padding[1]];
      const offset = (shiftY * x.w + shiftX) * x.pixelBytes;
      table.push(offset, ...reach(shiftY, x.h, stride[0], dy.h), ...reach(shiftX, x.w, stride[1], dy.w));
    }
  }
  return {
    images: dy.n,
    taps: kernel[0] * kernel[1],
    tapTable: lowering.table(table),
    xStep: stride[1] * x.pixelBytes,
    xRow: stride[0] * x.w * x.pixelBytes,
    xImage: x.h * x.w * x.pixelBytes,
    dyPixel: dy.pixelBytes,
    dyRow: dy.w * dy.pixelBytes,
    dyImage: dy.h * dy.w * dy.pixelBytes,
  };
}

export function lowerWeightGradient(lowering: Lowering, node: Node): void {
  const { groups } = node.attrs;
  const x = groups === 1 ? lowering.nhwc(node.inputs[0]) : lowering.compact(node.inputs[0]);
  const dy = lowering.compact(node.inputs[1]);
  const out = lowering.outputDense(node.outputs[0]);
  const [outputs, perGroup] = out.shape;
  const shared = geometry(lowering, node, x, dy);
  const { taps } = shared;
  if (groups === outputs && perGroup === 1 && groups > 1) {
    const vectors = Math.ceil(outputs / 4);
    const place = { storage: out.storage, offset: out.offset };
    lowering.step(
      depthwiseWeightGradient(),
      { ...shared, x: at(x, 0), dy: at(dy, 0), vectors, channels: outputs, out: place },
      taps * vectors,
    );
    return;
  }
  const outPerGroup = outputs / groups;
  const map =
    groups === 1
      ? channelsOfStored(x.segments)
      : Array.from({ length: Math.ceil(perGroup / 4) * 4 }, (_, c) => (c < perGroup ? c : -1));
  const stored = groups === 1 ? storedChannels(x.segments) : map.length;
  lowering.scratchBytes = Math.max(lowering.scratchBytes, weightGradientScratch(stored));
  const channelMap = lowering.table(map);
  const panels = Math.ceil(outPerGroup / GRADIENT_PANEL);
  const outputBytes = perGroup * taps * 4;
  for (let group = 0; group < groups; group++) {
    lowering.step(
      weightGradient(),
      {
        ...shared,
        x: at(x, group * perGroup * 4),
        dy: at(dy, group * outPerGroup * 4),
        vectors: stored / 4,
        panels,
        channelMap,
        outputs: outPerGroup,
        out: { storage: out.storage, offset: out.offset + group * outPerGroup * outputBytes },
        outputBytes,
      },
      taps * panels,
    );
  }
}
