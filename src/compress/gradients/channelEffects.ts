/**
 * How much the network's outputs change if a channel is replaced by what the others say of it, from gradients on calibration
 * pictures (Molchanov et al. 2019, with the Gauss–Newton form of the outputs in place of a loss's gradient, so that no labels are
 * needed). The linearised change is r·g summed over pixels, r being what is lost of the channel and g the gradient that its
 * readers pass back; its mean square over random gradients of the outputs (`seeds.ts`) is the cost.
 */

import { Breather } from "../../breathe.js";
import type { TrainingGraph } from "../../ops/gradients/index.js";
import type { Trainer, TrainingOptions } from "../../runtime/trainer.js";
import { type Float32Tensor, seededRandom } from "../../tensor/index.js";
import type { ModuleNode } from "../../weights/types.js";
import { gatedGraph } from "./gates.js";
import { headMaps } from "./headMaps.js";
import { outputSeeds } from "./seeds.js";

export type OpenTrainer = (graph: TrainingGraph, options?: TrainingOptions) => Promise<Trainer>;

/** What a value's channels do to the outputs, through the convolutions that read it. */
export interface ChannelEffects {
  /** Names of those convolutions. */
  readonly readers: readonly string[];
  readonly channels: number;
  /** Σ of products of two channels' gradients over pixels, mean over draws: [C × C]. */
  readonly gradients: Float64Array;
  /** Mean square of Σ (a − mean a)·g over pixels: the cost of replacing a channel by its mean. */
  readonly costs: Float64Array;
}

export interface EffectOptions {
  /** Random gradients drawn for each picture. */
  readonly draws?: number | undefined;
  /** Means of a value's channels, by the name of a convolution that reads it. */
  readonly means: ReadonlyMap<string, Float64Array>;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Pixels of a picture whose gradients are multiplied with each other. */
const PIXELS = 256;

/**
 * @param inputs calibration pictures of one size
 * @param readers names of the convolutions whose inputs are looked at
 * @throws UnsupportedError for networks with an op whose gradient is not computed.
 */
export async function channelEffects(
  module: ModuleNode,
  readers: ReadonlySet<string>,
  inputs: readonly Float32Tensor[],
  openTrainer: OpenTrainer,
  { draws = 4, means, onProgress, signal }: EffectOptions,
): Promise<ChannelEffects[]> {
  const [, , h, w] = inputs[0].shape;
  const { graph, head } = headMaps(module, [1, 3, h, w]);
  const { gates, training, passed } = gatedGraph(graph, readers);
  const shapes = training.results.map((id) => training.values[id].shape);
  const breather = new Breather(signal);
  const trainer = await openTrainer(training, { extra: passed });
  const random = seededRandom(7);
  const sums = gates.map((gate) => {
    const channels = gate.shape[1];
    return {
      channels,
      mean: means.get(gate.readers[0]) ?? new Float64Array(channels),
      gradients: new Float64Array(channels * channels),
      costs: new Float64Array(channels),
    };
  });
  try {
    const total = inputs.length * draws;
    for (let done = 0; done < total; done++) {
      const outputs = await trainer.forward([inputs[Math.floor(done / draws)].data]);
      const found = await trainer.backward(outputSeeds(head, shapes, outputs, random));
      for (const [i, { channels, mean, gradients, costs }] of sums.entries()) {
        const [factors, offsets] = [found[2 * i], found[2 * i + 1]];
        for (let c = 0; c < channels; c++) costs[c] += (factors[c] - mean[c] * offsets[c]) ** 2 / total;
        addProducts(gradients, found[2 * gates.length + i], channels, random, 1 / total);
        await breather.rest();
      }
      onProgress?.(done + 1, total);
    }
  } finally {
    trainer.dispose();
  }
  return gates.map(({ readers: names }, i) => ({ readers: names, ...sums[i] }));
}

/** Adds the products of all pairs of channels of a map [C, pixels], on a sample of its pixels. */
function addProducts(
  into: Float64Array,
  map: Float32Array,
  channels: number,
  random: () => number,
  factor: number,
): void {
  const plane = map.length / channels;
  const count = Math.min(plane, PIXELS);
  const scale = (factor * plane) / count;
  const pixel = new Float64Array(channels);
  for (let k = 0; k < count; k++) {
    const p = count === plane ? k : Math.floor(random() * plane);
    for (let c = 0; c < channels; c++) pixel[c] = map[c * plane + p];
    for (let i = 0; i < channels; i++) {
      const own = pixel[i] * scale;
      if (own === 0) continue;
      const row = i * channels;
      for (let j = i; j < channels; j++) into[row + j] += own * pixel[j];
    }
  }
  for (let i = 0; i < channels; i++) for (let j = 0; j < i; j++) into[i * channels + j] = into[j * channels + i];
}
