/** Which convolutions of a quantized graph are computed in integers: the same on every backend. */

import type { OpAttributes } from "../attributes.js";

type Attributes = OpAttributes["conv2d"];

/** Largest magnitudes of an activation without its zero point, and of a weight. */
const LARGEST_PRODUCT = 255 * 127;

/**
 * Whether a convolution is computed in integers: one that is quantized, has one group, and whose sums fit 32 bits. Those of wide
 * weights do; such are for 1×1 alone.
 */
export function isInteger({ quantization, groups }: Attributes, weightShape: readonly number[]): boolean {
  if (!quantization || groups !== 1) return false;
  const [, channels, kh, kw] = weightShape;
  if (quantization.wide) return kh === 1 && kw === 1;
  return channels * kh * kw * LARGEST_PRODUCT < 2 ** 31;
}
