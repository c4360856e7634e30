/**
 * Test-time augmentation as in v7.0: the picture at scales 1, 0.83 (mirrored) and 0.67. Predictions are mapped back
 * to the picture's own coordinates, the rows that each scale predicts worst are cut off, and all are joined before
 * NMS.
 */

import { ShapeError } from "../../errors.js";
import {
  elementCount,
  type Float32Tensor,
  formatShape,
  type HostTensor,
  tensor,
  toFloat32,
} from "../../tensor/index.js";

/** One augmented input. */
export interface AugmentedInput {
  /** `[N, C, H', W']`, sides multiples of the stride. */
  readonly tensor: Float32Tensor;
  readonly scale: number;
  /** Mirrored left to right. */
  readonly flip: boolean;
}

export type Augmentation = Pick<AugmentedInput, "scale" | "flip">;

const AUGMENTATIONS: readonly Augmentation[] = [
  { scale: 1, flip: false },
  { scale: 0.83, flip: true },
  { scale: 0.67, flip: false },
];

/** Padding value at the right and bottom: ImageNet's mean. */
const PAD_VALUE = 0.447;

/**
 * The three inputs of one forward pass with augmentation.
 * @param input `[N, C, H, W]`, float32, 0 to 1.
 * @param stride the model's largest stride.
 */
export function augmentInputs(input: HostTensor, stride: number): AugmentedInput[] {
  if (input.shape.length !== 4) {
    throw new ShapeError(`augment: input must be [N, C, H, W], not ${formatShape(input.shape)}`, {
      shape: input.shape,
    });
  }
  const source = toFloat32(input);
  return AUGMENTATIONS.map(({ scale, flip }) => ({
    tensor: scaleImage(flip ? flipHorizontal(source) : source, scale, stride),
    scale,
    flip,
  }));
}

/**
 * Bilinear resize (half-pixel centres) to `int(H × scale)` × `int(W × scale)`, then padding at the right and bottom
 * with 0.447 to the next multiple of the stride above the unrounded size. Scale 1 returns the input.
 */
function scaleImage(input: Float32Tensor, scale: number, stride: number): Float32Tensor {
  if (scale === 1) return input;
  const [n, c, h, w] = input.shape;
  const resizedHeight = Math.trunc(h * scale);
  const resizedWidth = Math.trunc(w * scale);
  const height = Math.ceil((h * scale) / stride) * stride;
  const width = Math.ceil((w * scale) / stride) * stride;
  const out = new Float32Array(n * c * height * width).fill(PAD_VALUE);
  const rows = bilinearAxis(h, resizedHeight);
  const columns = bilinearAxis(w, resizedWidth);
  for (let plane = 0; plane < n * c; plane++) {
    const from = plane * h * w;
    for (let y = 0; y < resizedHeight; y++) {
      const upper = from + rows.low[y] * w;
      const lower = from + rows.high[y] * w;
      const fy = rows.weight[y];
      const to = (plane * height + y) * width;
      for (let x = 0; x < resizedWidth; x++) {
        const a = columns.low[x];
        const b = columns.high[x];
        const fx = columns.weight[x];
        const top = input.data[upper + a] * (1 - fx) + input.data[upper + b] * fx;
        const bottom = input.data[lower + a] * (1 - fx) + input.data[lower + b] * fx;
        out[to + x] = top * (1 - fy) + bottom * fy;
      }
    }
  }
  return tensor("float32", [n, c, height, width], out);
}

function bilinearAxis(source: number, output: number) {
  const low = new Int32Array(output);
  const high = new Int32Array(output);
  const weight = new Float32Array(output);
  // As torch's CPU kernel (measured): the ratio in float32, positions in double, weights in float32.
  const ratio = Math.fround(source / output);
  for (let i = 0; i < output; i++) {
    const position = Math.max(ratio * (i + 0.5) - 0.5, 0);
    low[i] = Math.min(Math.floor(position), source - 1);
    high[i] = Math.min(low[i] + 1, source - 1);
    weight[i] = position - low[i];
  }
  return { low, high, weight };
}

function flipHorizontal(input: Float32Tensor): Float32Tensor {
  const w = input.shape[3];
  const out = input.data.slice();
  for (let row = 0; row < out.length; row += w) out.subarray(row, row + w).reverse();
  return tensor("float32", input.shape, out);
}

/**
 * Predictions of the augmented inputs → one prediction in the pixels of the original input.
 * @param predictions `[N, rows, columns]` in the order of `augmentInputs`, xywh in each input's own pixels.
 * @param width of the original input, in pixels.
 * @param levels detection levels of the head (3 for P3–P5), which determine the rows of the finest and coarsest
 * level.
 */
export function mergeAugmented(
  predictions: readonly HostTensor[],
  width: number,
  levels: number,
  augmentations: readonly Augmentation[] = AUGMENTATIONS,
): Float32Tensor {
  if (predictions.length !== augmentations.length) {
    throw new ShapeError(`augment: ${predictions.length} predictions for ${augmentations.length} augmented inputs`);
  }
  const restored = predictions.map((prediction, i) => restoreBoxes(toFloat32(prediction), augmentations[i], width));
  // The levels' rows have the ratio 4^(levels−1) : … : 4 : 1, finest first.
  const shares = (4 ** levels - 1) / 3;
  const lastIndex = restored.length - 1;
  const clipped = restored.map((prediction, i) => {
    const rows = prediction.shape[1];
    const share = Math.floor(rows / shares);
    // The full-size pass is weak on the largest objects, the smallest pass on the smallest ones.
    const end = i === 0 ? rows - share : rows;
    const start = i === lastIndex ? share * 4 ** (levels - 1) : 0;
    return sliceRows(prediction, start, end);
  });
  return concatenatePredictions(clipped);
}

/**
 * Predictions of several models or passes as one, row after row: what an ensemble suppresses together.
 * @param predictions `[N, rows, columns]` with equal N and columns.
 */
export function concatenatePredictions(predictions: readonly HostTensor[]): Float32Tensor {
  const [n, , columns] = predictions[0].shape;
  for (const { shape } of predictions) {
    if (shape.length !== 3 || shape[0] !== n || shape[2] !== columns) {
      throw new ShapeError(
        `ensemble: predictions ${predictions.map((p) => formatShape(p.shape)).join(" and ")} must have the same images and columns; use models with the same classes`,
        { shapes: predictions.map((p) => p.shape) },
      );
    }
  }
  const rows = predictions.reduce((sum, { shape }) => sum + shape[1], 0);
  const out = new Float32Array(elementCount([n, rows, columns]));
  let at = 0;
  for (let image = 0; image < n; image++) {
    for (const prediction of predictions) {
      const size = prediction.shape[1] * columns;
      out.set(toFloat32(prediction).data.subarray(image * size, (image + 1) * size), at);
      at += size;
    }
  }
  return tensor("float32", [n, rows, columns], out);
}

/** xywh divided by the scale and mirrored back, in float32. */
function restoreBoxes(prediction: Float32Tensor, { scale, flip }: Augmentation, width: number): Float32Tensor {
  if (scale === 1 && !flip) return prediction;
  const columns = prediction.shape[2];
  const out = prediction.data.slice();
  const divisor = Math.fround(scale);
  for (let row = 0; row < out.length; row += columns) {
    for (let k = 0; k < 4; k++) out[row + k] = out[row + k] / divisor;
    if (flip) out[row] = width - out[row];
  }
  return tensor("float32", prediction.shape, out);
}

function sliceRows(prediction: Float32Tensor, start: number, end: number): Float32Tensor {
  const [n, rows, columns] = prediction.shape;
  if (start === 0 && end === rows) return prediction;
  const out = new Float32Array(n * (end - start) * columns);
  for (let image = 0; image < n; image++) {
    const from = image * rows * columns;
    out.set(prediction.data.subarray(from + start * columns, from + end * columns), image * (end - start) * columns);
  }
  return tensor("float32", [n, end - start, columns], out);
}
