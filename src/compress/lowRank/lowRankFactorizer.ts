/**
 * Low-rank factorisation end to end: what the layers give and what the outputs depend on, the ranks for a fraction of the operations,
 * and convolutions replaced by pairs, refitted.
 */

import { Breather } from "../../breathe.js";
import { OptionError, UnsupportedError } from "../../errors.js";
import type { Backend } from "../../runtime/backend.js";
import { type Float32Tensor, toFloat32 } from "../../tensor/index.js";
import type { ModuleNode } from "../../weights/types.js";
import { moduleFlopsPieces } from "../flops.js";
import { headMaps } from "../headMaps.js";
import { withoutUnusedBranches } from "../prune/moduleTensors.js";
import { type Basis, basisOf, factorsOf } from "./basis.js";
import { type Factorable, type Factors, factorableLayers, withFactors } from "./layers.js";
import { chooseRanks } from "./ranks.js";
import { refitPairs } from "./refit.js";
import { type OpenTrainer, outputGradients, outputStatistics } from "./responses.js";

/** Stages of factorisation, in order. */
export type LowRankStage = "statistics" | "gradients" | "refitting";

/** Options of `LowRankFactorizer`. */
export interface LowRankOptions {
  readonly openTrainer: OpenTrainer;
  /** Ranks are multiples of it. Default 8. */
  readonly round?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** The current stage and its progress. */
  readonly onProgress?: ((stage: LowRankStage, done: number, total: number) => void) | undefined;
}

/** A convolution that two have replaced. */
export interface FactoredLayer {
  readonly layer: string;
  readonly channels: number;
  /** Channels between the two. */
  readonly rank: number;
  /** Share of what the layer does to the outputs that is left, 0 to 1. */
  readonly left: number;
}

/** A factored network. */
export interface FactoredNetwork {
  readonly module: ModuleNode;
  /** Before the second convolutions were refitted. */
  readonly cut: ModuleNode;
  readonly layers: readonly FactoredLayer[];
  /** Remaining operations, as a fraction of the original's. */
  readonly flopsRatio: number;
}

/** Operations are counted at this size; their ratio is the same at any size. */
const FLOPS_SIZE = [256, 256] as const;

/** Factors one network by different amounts; measures the network only once. */
export class LowRankFactorizer {
  private constructor(
    private readonly module: ModuleNode,
    private readonly layers: readonly Factorable[],
    private readonly bases: readonly Basis[],
    /** Operations of the whole network, at the size of the inputs. */
    private readonly flops: number,
    private readonly inputs: readonly Float32Tensor[],
    private readonly backend: Backend,
    private readonly options: LowRankOptions,
  ) {}

  /**
   * @param inputs calibration pictures of one size, see `calibrationInputs`.
   * @throws UnsupportedError if no convolution can be replaced, or an op has no gradient.
   */
  static async prepare(
    given: ModuleNode,
    inputs: readonly Float32Tensor[],
    backend: Backend,
    options: LowRankOptions,
  ): Promise<LowRankFactorizer> {
    const { openTrainer, signal, onProgress } = options;
    const breather = new Breather(signal);
    const module = withoutUnusedBranches(given);
    const [, , h, w] = inputs[0].shape;
    const maps = headMaps(module, [1, 3, h, w]);
    const layers = factorableLayers(module, maps);
    if (layers.length === 0)
      throw new UnsupportedError("low rank: this network has no convolution that can be replaced");
    const gradients = await outputGradients(maps, layers, inputs, openTrainer, breather, (done, total) =>
      onProgress?.("gradients", done, total),
    );
    const statistics = await outputStatistics(maps, layers, inputs, backend, breather, (done, total) =>
      onProgress?.("statistics", done, total),
    );
    const bases: Basis[] = [];
    for (const [i, own] of statistics.entries()) bases.push(await basisOf(own, gradients[i], breather));
    const flops = await breather.through(moduleFlopsPieces(module, [h, w]));
    return new LowRankFactorizer(module, layers, bases, flops, inputs, backend, options);
  }

  /**
   * Ranks so that at most `ratio` of the operations is left; undefined for layers that stay.
   * @throws OptionError for a ratio outside (0, 1], or one that no ranks reach.
   */
  ranksForFlops(ratio: number): readonly (number | undefined)[] {
    if (!(ratio > 0 && ratio <= 1)) {
      throw new OptionError(`low rank: the fraction of operations ${ratio} must be above 0 and at most 1`);
    }
    const curves = this.layers.map(({ flops, outputs, fanIn, pixels }, i) => {
      const { energies } = this.bases[i];
      return {
        flops,
        flopsPerRank: (flops * (fanIn + outputs)) / (fanIn * outputs),
        losses: lossesOf(energies, pixels),
      };
    });
    const ranks = chooseRanks(curves, (1 - ratio) * this.flops, this.options.round ?? 8);
    if (!ranks) {
      throw new OptionError(
        `low rank: ${ratio} of the operations cannot be reached; allow more, or prune channels too`,
        { ratio },
      );
    }
    return ranks;
  }

  /** Replaces the layers that have a rank, and refits them. */
  async factor(ranks: readonly (number | undefined)[]): Promise<FactoredNetwork> {
    const { module, layers, bases, inputs, backend } = this;
    const { signal, onProgress } = this.options;
    const breather = new Breather(signal);
    const factors = new Map<Factorable, Factors>();
    const rows: FactoredLayer[] = [];
    for (const [i, layer] of layers.entries()) {
      const rank = ranks[i];
      if (rank === undefined) continue;
      const bias = layer.module.parameters.get("bias");
      factors.set(layer, await factorsOf(layer, bases[i], rank, bias && toFloat32(bias).data, breather));
      rows.push({ layer: layer.node.name, channels: layer.outputs, rank, left: shareOf(bases[i].energies, rank) });
    }
    const cut = withFactors(module, factors);
    const refitted = await refitPairs(
      module,
      cut,
      rows.map(({ layer }) => layer),
      inputs,
      backend,
      breather,
      (done, total) => onProgress?.("refitting", done, total),
    );
    const before = await breather.through(moduleFlopsPieces(module, FLOPS_SIZE));
    const after = await breather.through(moduleFlopsPieces(cut, FLOPS_SIZE));
    return { module: refitted, cut, layers: rows, flopsRatio: after / before };
  }
}

/**
 * Loss at each rank. An error counts relative to the layer's own effect, and the more the larger that is, but less than in proportion:
 * between neighbouring pixels errors cancel out, more so in large maps, which the energies do not know.
 */
function lossesOf(energies: Float64Array, pixels: number): Float64Array {
  const total = energies.reduce((a, b) => a + b, 0);
  const factor = total > 0 ? Math.sqrt(total * pixels) / total : 0;
  const losses = new Float64Array(energies.length + 1);
  for (let k = energies.length - 1; k >= 0; k--) losses[k] = losses[k + 1] + factor * energies[k];
  return losses;
}

function shareOf(energies: Float64Array, rank: number): number {
  const total = energies.reduce((a, b) => a + b, 0);
  return total > 0 ? energies.slice(0, rank).reduce((a, b) => a + b, 0) / total : 1;
}
