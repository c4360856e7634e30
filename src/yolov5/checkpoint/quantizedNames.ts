/** Names of the tensors that accompany a convolution's int8 weight in a quantized file. */

/** float32 [O]: the weight of output o is its int8 value times this. */
export const WEIGHT_SCALE = "weight_scale";
/** float32 [1] and uint8 [1]: an input x is (q − zero point) × scale with q in 0 … 255. */
export const INPUT_SCALE = "input_scale";
export const INPUT_ZERO_POINT = "input_zero_point";
