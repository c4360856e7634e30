/**
 * Quantization-aware recovery (Jacob et al. 2018): in training, the student rounds its weights and the inputs of its convolutions
 * as the int8 network does, and gradients pass straight through. What is trained and kept are exact weights.
 */

import type { Trainer } from "../../runtime/trainer.js";
import { tensor } from "../../tensor/index.js";
import { dequantizeWeight } from "../../yolov5/checkpoint/quantized.js";
import type { CalibratedTree } from "../quantize/quantize.js";
import type { ActivationQuantization } from "../quantize/ranges.js";
import { quantizeWeight } from "../quantize/weights.js";
import type { CurvePoint } from "./state.js";

/** What an int8 network rounds. */
export interface Rounding {
  /** By the name of the convolution that reads them. */
  readonly inputs: ReadonlyMap<string, ActivationQuantization>;
  /** Names of weights that become bytes. Those of a head that reads bytes keep fifteen bits, and are not rounded here. */
  readonly weights: ReadonlySet<string>;
}

export function roundingOf({ plan, calibration: { activations } }: CalibratedTree): Rounding {
  const { convolutions, wide } = plan;
  return {
    inputs: new Map([...activations].filter(([name]) => convolutions.has(name) || wide.has(name))),
    weights: new Set([...convolutions.keys()].map((name) => `${name}.weight`)),
  };
}

/**
 * A trainer of exact weights whose steps compute with rounded ones. Nothing is clipped, for a channel's largest weight is the last
 * step, so the gradient of a rounded weight is that of the exact one.
 */
export async function withRoundedWeights(trainer: Trainer, names: ReadonlySet<string>): Promise<Trainer> {
  const rounding = new RoundingTrainer(trainer, names);
  await rounding.update();
  return rounding;
}

class RoundingTrainer implements Trainer {
  readonly parameters: Trainer["parameters"];

  constructor(
    private readonly trainer: Trainer,
    names: ReadonlySet<string>,
  ) {
    this.parameters = trainer.parameters.map((own) => (names.has(own.name) ? { ...own, data: own.data.slice() } : own));
  }

  get bytes(): number {
    return this.trainer.bytes;
  }

  forward(inputs: readonly Float32Array[]): Promise<readonly Float32Array[]> {
    return this.trainer.forward(inputs);
  }

  backward(seeds: readonly Float32Array[]): Promise<readonly Float32Array[]> {
    return this.trainer.backward(seeds);
  }

  async update(): Promise<void> {
    for (const [i, inner] of this.trainer.parameters.entries()) {
      const { data, shape } = this.parameters[i];
      if (data === inner.data) continue;
      const { weight, scales } = quantizeWeight(tensor("float32", shape, data));
      inner.data.set(dequantizeWeight(weight, scales.data).data);
    }
    await this.trainer.update();
  }

  dispose(): void {
    this.trainer.dispose();
  }
}

/**
 * The point whose weights are kept: the closest to the teacher of those that find what it finds at least as well as without training.
 * If there is none, that is the start. Distances on held-out pictures change smoothly, so a single look is enough.
 */
export function closestPoint(curve: readonly CurvePoint[]): CurvePoint {
  const [start] = curve;
  const { agreement: least = 0 } = start;
  const good = curve.filter(({ agreement = least }) => agreement >= least);
  return good.reduce((best, point) => (point.distance < best.distance ? point : best), start);
}
