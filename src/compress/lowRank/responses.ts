/**
 * What convolutions give on calibration pictures, and how much the network's outputs depend on it: the second moments that say
 * which directions of a layer's output can be left out.
 */

import type { Breather } from "../../breathe.js";
import { backward, type TrainingGraph } from "../../ops/gradients/index.js";
import type { Backend } from "../../runtime/backend.js";
import type { Trainer, TrainingOptions } from "../../runtime/trainer.js";
import { type Float32Tensor, seededRandom } from "../../tensor/index.js";
import { LayerwiseRun } from "../calibration/layerwise.js";
import { type ChannelStatistics, channelStatistics } from "../calibration/regression.js";
import type { HeadMaps } from "../headMaps.js";
import type { Factorable } from "./layers.js";
import { outputSeeds } from "./seeds.js";

/** Opens what computes gradients. */
export type OpenTrainer = (graph: TrainingGraph, options?: TrainingOptions) => Promise<Trainer>;

type Progress = (done: number, total: number) => void;

/** Random gradients drawn for each picture. */
const DRAWS = 2;
/** Pixels of a picture and layer whose gradients are multiplied with each other. */
const PIXELS = 256;

/** Mean and covariance of each layer's output. */
export async function outputStatistics(
  { graph }: HeadMaps,
  layers: readonly Factorable[],
  inputs: readonly Float32Tensor[],
  backend: Backend,
  breather: Breather,
  onProgress?: Progress,
): Promise<ChannelStatistics[]> {
  const run = new LayerwiseRun(graph, backend, inputs, breather);
  const statistics: ChannelStatistics[] = [];
  for (const { node, index } of layers) {
    await run.advance(index + 1);
    statistics.push(await channelStatistics(run.of(node.outputs[0]), breather));
    onProgress?.(statistics.length, layers.length);
  }
  return statistics;
}

/**
 * For each layer the mean products, over pixels, of the gradients of its channels: [O × O].
 * @throws UnsupportedError for networks with an op whose gradient is not computed.
 */
export async function outputGradients(
  { graph, head }: HeadMaps,
  layers: readonly Factorable[],
  inputs: readonly Float32Tensor[],
  openTrainer: OpenTrainer,
  breather: Breather,
  onProgress?: Progress,
): Promise<Float64Array[]> {
  const training = backward(
    graph,
    new Set(),
    layers.map(({ node }) => node.outputs[0]),
  );
  const shapes = training.results.map((id) => training.values[id].shape);
  const products = layers.map(({ outputs }) => new Float64Array(outputs * outputs));
  const trainer = await openTrainer(training, { extra: training.inputGradients.map((gradient) => ({ gradient })) });
  const random = seededRandom(7);
  const total = inputs.length * DRAWS;
  try {
    for (let done = 0; done < total; ) {
      const outputs = await trainer.forward([inputs[Math.floor(done / DRAWS)].data]);
      const gradients = await trainer.backward(outputSeeds(head, shapes, outputs, random));
      for (const [i, own] of products.entries()) {
        addProducts(own, gradients[i], layers[i].outputs, random, 1 / total);
        await breather.rest();
      }
      done++;
      onProgress?.(done, total);
    }
  } finally {
    trainer.dispose();
  }
  return products;
}

/** Adds the mean products of all pairs of channels of a map [C, pixels], on a sample of its pixels. */
function addProducts(
  into: Float64Array,
  map: Float32Array,
  channels: number,
  random: () => number,
  factor: number,
): void {
  const plane = map.length / channels;
  const count = Math.min(plane, PIXELS);
  const scale = factor / count;
  const pixel = new Float64Array(channels);
  for (let k = 0; k < count; k++) {
    const p = count === plane ? k : Math.floor(random() * plane);
    for (let c = 0; c < channels; c++) pixel[c] = map[c * plane + p];
    for (let i = 0; i < channels; i++) {
      const own = pixel[i] * scale;
      if (own === 0) continue;
      const row = i * channels;
      for (let j = 0; j < channels; j++) into[row + j] += own * pixel[j];
    }
  }
}
