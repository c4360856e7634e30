/**
 * Accuracy back after pruning, without training. The unpruned and the pruned network run side by side over calibration
 * pictures, layer by layer; each layer of the pruned one is set right before the next is looked at:
 *
 * - BatchNorm: μ′ = μ + (mean(y′) − mean(y)), σ′² = σ²·var(y′)/var(y), y and y′ being its input in both networks. A channel
 *   thus leaves with the mean and spread that it had; with nothing pruned nothing changes, however few the pictures.
 * - Convolutions without BatchNorm (the head's): the bias takes the mean error.
 * - Convolutions that read fewer channels (`reconstruct`): their weights take over what those that are gone said, as far as
 *   it follows from those that are left (see `regression.ts`).
 */

import { Breather } from "../../breathe.js";
import { invariant } from "../../errors.js";
import { consumersOf, type Graph, type NodeOf, type ValueId } from "../../ops/index.js";
import type { Backend } from "../../runtime/backend.js";
import { elementCount, type Float32Tensor, type HostTensor, reshape, tensor, toFloat32 } from "../../tensor/index.js";
import type { ModuleNode } from "../../weights/types.js";
import { buildGraph } from "../../yolov5/graph/buildGraph.js";
import { changeTree, isAsStored, storedLike, tensorOfPath } from "../prune/moduleTensors.js";
import { LayerwiseRun } from "./layerwise.js";
import { channelMoments } from "./moments.js";
import { type ChannelRegression, regressChannels } from "./regression.js";

/** Options of `reestimate`. */
export interface ReestimateOptions {
  /** For each channel of the pruned value, its index in the unpruned one. Default: all channels are kept. */
  readonly keptOf?: ((value: ValueId) => readonly number[]) | undefined;
  /** Default true. False leaves the weights as they are, for pruned weights that must stay zero. */
  readonly reconstruct?: boolean | undefined;
  /** Receives the number of steps done, and the total. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

type Convolution = NodeOf<"conv2d"> | NodeOf<"convTranspose2d">;

/**
 * @param inputs calibration pictures of one size, see `calibrationInputs`.
 * @returns the pruned tree with new statistics and weights, in the same dtypes.
 */
export async function reestimate(
  original: ModuleNode,
  pruned: ModuleNode,
  inputs: readonly Float32Tensor[],
  backend: Backend,
  options: ReestimateOptions = {},
): Promise<ModuleNode> {
  const [, , h, w] = inputs[0].shape;
  const before = buildGraph(original, [1, 3, h, w]).graph;
  const after = buildGraph(pruned, [1, 3, h, w]).graph;
  const same = before.nodes.every((node, i) => node.name === after.nodes[i]?.name);
  invariant(same && before.nodes.length === after.nodes.length, "reestimate: both trees must have the same layers");
  return new Reestimation(before, after, pruned, inputs, backend, options).run();
}

class Reestimation {
  private readonly breather: Breather;
  private readonly full: LayerwiseRun;
  private readonly left: LayerwiseRun;
  private readonly consumers: ReadonlyMap<ValueId, readonly number[]>;
  private readonly regressions = new Map<ValueId, ChannelRegression>();
  private readonly changed = new Map<HostTensor, HostTensor>();

  constructor(
    private readonly before: Graph,
    private readonly after: Graph,
    private readonly pruned: ModuleNode,
    inputs: readonly Float32Tensor[],
    backend: Backend,
    private readonly options: ReestimateOptions,
  ) {
    this.breather = new Breather(options.signal);
    this.full = new LayerwiseRun(before, backend, inputs, this.breather);
    this.left = new LayerwiseRun(after, backend, inputs, this.breather);
    this.consumers = consumersOf(before);
  }

  async run(): Promise<ModuleNode> {
    const { nodes } = this.before;
    const { onProgress } = this.options;
    const stops = nodes
      .map(({ type }, i) => ({ type, i }))
      .filter(({ type }) => isConvolution(type) || type === "batchNorm");
    for (const [done, { i }] of stops.entries()) {
      await this.breather.rest();
      const node = nodes[i];
      await this.advance(i);
      if (node.type === "batchNorm") await this.setNorm(node, i);
      else if (node.type === "conv2d" || node.type === "convTranspose2d") await this.setConvolution(node, i);
      onProgress?.(done + 1, stops.length);
    }
    return changeTree(this.pruned, { tensors: this.changed });
  }

  private async advance(end: number): Promise<void> {
    await this.full.advance(end);
    await this.left.advance(end);
  }

  private keptOf(value: ValueId): readonly number[] {
    const channels = this.before.values[value].shape[1];
    return this.options.keptOf?.(value) ?? Array.from({ length: channels }, (_, i) => i);
  }

  private async setNorm(node: NodeOf<"batchNorm">, index: number): Promise<void> {
    const [x, , , meanId, varianceId] = node.inputs;
    const kept = this.keptOf(x);
    const was = await channelMoments(this.full.of(x), this.breather);
    const is = await channelMoments(this.left.of(x), this.breather);
    const own = this.after.nodes[index];
    const mean = floatsOf(this.full.constant(meanId));
    const variance = floatsOf(this.full.constant(varianceId));
    const newMean = Float32Array.from(kept, (c, j) => mean[c] + is.mean[j] - was.mean[c]);
    const newVariance = Float32Array.from(kept, (c, j) => variance[c] * ratio(is.variance[j], was.variance[c]));
    this.set(own.inputs[3], newMean);
    this.set(own.inputs[4], newVariance);
  }

  private async setConvolution(node: Convolution, index: number): Promise<void> {
    const [x, weightId] = node.inputs;
    const [y] = node.outputs;
    const own = this.after.nodes[index];
    const outputs = this.keptOf(y);
    const kept = this.keptOf(x);
    const { reconstruct = true } = this.options;
    const weight = this.full.constant(weightId);
    if (reconstruct && node.attrs.groups === 1 && node.type === "conv2d" && weight && index > 0) {
      const regression =
        this.regressions.get(x) ?? (await regressChannels(this.full.of(x), this.left.of(x), kept, this.breather));
      this.regressions.set(x, regression);
      this.set(own.inputs[1], await mixed(toFloat32(weight), outputs, kept.length, regression, this.breather));
    }
    await this.advance(index + 1);
    const normed = (this.consumers.get(y) ?? []).some((i) => this.before.nodes[i].type === "batchNorm");
    if (normed || !node.attrs.hasBias) return;
    // The picture itself is the same in both networks, and so is a mean of nothing.
    const was = (await channelMoments(this.full.of(y), this.breather)).mean;
    const is = (await channelMoments(this.left.of(y), this.breather)).mean;
    const bias = floatsOf(this.left.constant(own.inputs[2]));
    const shift = Float32Array.from(outputs, (c, j) => was[c] - is[j]);
    this.set(
      own.inputs[2],
      bias.map((b, j) => b + shift[j]),
    );
    for (const map of this.left.of(y)) addToChannels(map, shift);
  }

  /** Changes a constant of the pruned network, rounded to the dtype that its file has. */
  private set(value: ValueId, data: Float32Array): void {
    const old = tensorOfPath(this.pruned, this.after.values[value].name);
    const used = this.after.constants.get(value);
    if (!old || !used || elementCount(old.shape) !== data.length || !isAsStored(used, old)) return;
    const stored = storedLike(old, old.shape, data);
    this.changed.set(old, stored);
    this.left.setConstant(value, reshape(toFloat32(stored), this.after.values[value].shape));
  }
}

function isConvolution(type: string): boolean {
  return type === "conv2d" || type === "convTranspose2d";
}

function floatsOf(source: HostTensor | undefined): Float32Array {
  return source ? toFloat32(source).data : new Float32Array(0);
}

/** Beyond these, a channel is dead in one of the networks and its spread says nothing. */
const LARGEST_RATIO = 1e3;

function ratio(is: number, was: number): number {
  if (!(was > 1e-12) || !(is > 1e-12)) return 1;
  return Math.min(LARGEST_RATIO, Math.max(1 / LARGEST_RATIO, is / was));
}

/** W′[o, j] = Σ_c W[o, c]·A[c, j] at every tap, for the outputs that stay. */
async function mixed(
  weight: Float32Tensor,
  outputs: readonly number[],
  left: number,
  { matrix }: ChannelRegression,
  breather: Breather,
): Promise<Float32Array> {
  const [, channels, kh, kw] = weight.shape;
  const taps = kh * kw;
  const result = tensor("float32", [outputs.length, left, kh, kw]);
  const sums = new Float64Array(left * taps);
  for (const [row, o] of outputs.entries()) {
    sums.fill(0);
    for (let c = 0; c < channels; c++) {
      for (let t = 0; t < taps; t++) {
        const w = weight.data[(o * channels + c) * taps + t];
        if (w === 0) continue;
        for (let j = 0; j < left; j++) sums[j * taps + t] += w * matrix[c * left + j];
      }
    }
    result.data.set(sums, row * left * taps);
    await breather.rest();
  }
  return result.data;
}

function addToChannels(map: HostTensor, shift: Float32Array): void {
  const { data, shape } = toFloat32(map);
  const [n, channels, h, w] = shape;
  for (let p = 0; p < n * channels; p++) {
    const add = shift[p % channels];
    for (let i = p * h * w; i < (p + 1) * h * w; i++) data[i] += add;
  }
}
