/**
 * attentionGradient: with P = softmax(q·kᵀ·s), the gradient of v is Pᵀ·dy; with dP = dy·vᵀ and dS the gradient of P's softmax, that
 * of q is dS·k·s, and that of k is dSᵀ·q·s.
 */

import { softmax } from "../../../kernels/wasm/index.js";
import { products, softmaxGradient } from "../../../kernels/wasm/train/index.js";
import type { GradientNodeOf } from "../../../ops/gradients/index.js";
import { channelCount } from "../../channels.js";
import type { Nhwc } from "../lower/layout.js";
import type { Lowering } from "../lower/lowering.js";
import type { Address } from "../lower/storages.js";

const BYTES = 4;

/** A matrix of each head and picture: how far apart rows and columns are. */
interface Matrix extends Address {
  readonly image: number;
  readonly head: number;
  readonly row: number;
  readonly column: number;
}

const transposed = (m: Matrix): Matrix => ({ ...m, row: m.column, column: m.row });

export function lowerAttentionGradient(lowering: Lowering, node: GradientNodeOf<"attentionGradient">): void {
  const { heads, of } = node.attrs;
  const [q, k, v, dy] = node.inputs.map((id) => lowering.compact(id));
  const y = lowering.outputNhwc(node.outputs[0]);
  const { n } = q;
  const pixels = q.h * q.w;
  const size = channelCount(q.segments) / heads;
  const valueSize = channelCount(v.segments) / heads;
  const factor = 1 / Math.sqrt(size);
  /** A row a pixel, a column a channel of the head. */
  const ofPixels = ({ storage, offset, pixelBytes, segments }: Nhwc): Matrix => ({
    storage,
    offset,
    image: pixels * pixelBytes,
    head: (channelCount(segments) / heads) * BYTES,
    row: pixelBytes,
    column: BYTES,
  });
  const square = (): Matrix => ({
    storage: lowering.allocate(n * heads * pixels * pixels * BYTES),
    offset: 0,
    image: heads * pixels * pixels * BYTES,
    head: pixels * pixels * BYTES,
    row: pixels * BYTES,
    column: BYTES,
  });
  const at = ({ storage, offset }: Address): Address => ({ storage, offset });
  /** out = scale · a · bᵀ. */
  const multiply = (a: Matrix, b: Matrix, out: Matrix, columns: number, depth: number, scale: number): void =>
    lowering.step(
      products(),
      {
        a: at(a),
        aImage: a.image,
        aHead: a.head,
        aRow: a.row,
        aStep: a.column,
        b: at(b),
        bImage: b.image,
        bHead: b.head,
        bColumn: b.row,
        bStep: b.column,
        out: at(out),
        outImage: out.image,
        outHead: out.head,
        outRow: out.row,
        outColumn: out.column,
        heads,
        rows: pixels,
        columns,
        depth,
        scale: { float: scale },
      },
      n * heads * pixels,
    );
  const lines = n * heads * pixels;
  const shares = square();
  multiply(ofPixels(q), ofPixels(k), shares, pixels, size, factor);
  lowering.step(softmax(), { x: at(shares), out: at(shares), size: pixels, inner: 1 }, lines);
  if (of === "v") {
    multiply(transposed(shares), transposed(ofPixels(dy)), ofPixels(y), valueSize, pixels, 1);
  } else {
    const slopes = square();
    multiply(ofPixels(dy), ofPixels(v), slopes, pixels, valueSize, 1);
    const both = { y: at(shares), dy: at(slopes), out: at(slopes) };
    lowering.step(softmaxGradient(), { ...both, size: pixels, inner: 1 }, lines);
    const [left, right] = of === "q" ? [slopes, k] : [transposed(slopes), q];
    multiply(left, transposed(ofPixels(right)), ofPixels(y), size, pixels, factor);
  }
  lowering.clearGaps(y);
}
