/** Symmetric int8 weights with one scale per output channel. */

import { type HostTensor, tensor, toFloat32 } from "../../tensor/index.js";

/** Largest magnitude; −128 is not used, so that weights are symmetric. */
const LARGEST = 127;

export interface QuantizedWeight {
  readonly weight: HostTensor<"int8">;
  /** float32 [O]; 1 for a channel of zeros. */
  readonly scales: HostTensor<"float32">;
}

/**
 * Rounds to the nearest of 255 steps (ties to even, as in PyTorch); the largest weight of a channel maps to the last
 * step. [O, …].
 */
export function quantizeWeight(source: HostTensor): QuantizedWeight {
  const { data, shape } = toFloat32(source);
  const [outputs] = shape;
  const perOutput = data.length / outputs;
  const scales = new Float32Array(outputs);
  const values = new Int8Array(data.length);
  for (let o = 0; o < outputs; o++) {
    const end = (o + 1) * perOutput;
    let most = 0;
    for (let i = o * perOutput; i < end; i++) most = Math.max(most, Math.abs(data[i]));
    const scale = Math.fround(most / LARGEST);
    scales[o] = scale > 0 ? scale : 1;
    if (scale === 0) continue;
    for (let i = o * perOutput; i < end; i++) {
      values[i] = Math.max(-LARGEST, Math.min(LARGEST, roundHalfEven(data[i] / scale)));
    }
  }
  return { weight: tensor("int8", shape, values), scales: tensor("float32", [outputs], scales) };
}

export function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}
