/**
 * Importance from data: what a layer's output loses if one of its input channels is removed and the others compensate
 * as well as they can. With X the channels, P = Cov(X)⁻¹ and G = WᵀW, removing channel c costs G_cc / P_cc of the
 * output's variance; the weights then become W_j − W_c·P_cj/P_cc, and P its Schur complement (optimal brain surgeon,
 * Hassibi & Stork 1993, on channels). Channels are removed one at a time, so that two redundant channels are not both
 * considered unimportant.
 */

import { Breather } from "../../breathe.js";
import { elementCount, toFloat32 } from "../../tensor/index.js";
import { inverse } from "../calibration/regression.js";
import type { ChannelMap, Unit, WeightUse } from "./channels.js";
import type { ChannelGroup, Grouping } from "./groups.js";

/** A convolution, and the covariance of what it reads. */
export interface Reader {
  readonly use: WeightUse;
  /** [channels × channels]. */
  readonly covariance: Float64Array;
  /** How much an error of its output affects the network's output (see `sensitivity.ts`). Default 1. */
  readonly factor?: number | undefined;
}

/** Fraction of the mean variance added to each variance, so that the inverse exists. */
const RIDGE = 1e-3;

/** A reader's matrices, updated as channels are removed. */
interface State {
  readonly n: number;
  readonly precision: Float64Array;
  readonly gram: Float64Array;
  /** Variance of the whole output, divided by the factor. */
  readonly energy: number;
  readonly channelsOf: ReadonlyMap<Unit, readonly number[]>;
  readonly gone: Uint8Array;
}

/**
 * Score of every unit: the cost of its removal as a fraction of the readers' output variance; within a group, scores
 * follow the order of removal. Units that are never removed get infinity.
 * @param least fraction of each group that is never removed.
 */
export async function eliminationScores(
  map: ChannelMap,
  { groups }: Grouping,
  readers: readonly Reader[],
  least = 0.25,
  breather = new Breather(),
): Promise<Map<Unit, number>> {
  const initial = new Map<Reader, State>();
  const scores = new Map<Unit, number>();
  for (const group of groups) {
    const own = new Set(group.units);
    const states: State[] = [];
    for (const reader of readers.filter(({ use }) => use.inputs.some((unit) => own.has(unit)))) {
      const state = initial.get(reader) ?? (await stateOf(reader, breather));
      initial.set(reader, state);
      const { precision, gram, gone } = state;
      states.push({ ...state, precision: precision.slice(), gram: gram.slice(), gone: gone.slice() });
    }
    await eliminate(group, states, Math.floor(group.units.length * (1 - least)), scores, breather);
  }
  for (const unit of map.fixed.keys()) scores.set(unit, Number.POSITIVE_INFINITY);
  return scores;
}

async function eliminate(
  group: ChannelGroup,
  states: readonly State[],
  count: number,
  scores: Map<Unit, number>,
  breather: Breather,
): Promise<void> {
  const active = new Set(group.units);
  let highest = 0;
  for (let step = 0; step < count; step++) {
    let best: Unit | undefined;
    let bestCost = Number.POSITIVE_INFINITY;
    for (const unit of active) {
      const cost = costOf(unit, states);
      if (cost < bestCost || best === undefined) [best, bestCost] = [unit, cost];
    }
    if (best === undefined) break;
    highest = Math.max(highest, bestCost);
    scores.set(best, highest);
    active.delete(best);
    for (const state of states) {
      for (const c of state.channelsOf.get(best) ?? []) {
        remove(state, c);
        await breather.rest();
      }
    }
  }
  for (const unit of active) scores.set(unit, Number.POSITIVE_INFINITY);
}

function costOf(unit: Unit, states: readonly State[]): number {
  let cost = 0;
  for (const { n, precision, gram, energy, channelsOf } of states) {
    for (const c of channelsOf.get(unit) ?? []) cost += gram[c * n + c] / precision[c * n + c] / energy;
  }
  return cost;
}

function remove({ n, precision, gram, gone }: State, c: number): void {
  const pivot = precision[c * n + c];
  const share = Float64Array.from({ length: n }, (_, j) => (gone[j] || j === c ? 0 : precision[c * n + j] / pivot));
  gone[c] = 1;
  const own = gram.slice(c * n, (c + 1) * n);
  const gcc = own[c];
  for (let i = 0; i < n; i++) {
    if (gone[i]) continue;
    const s = share[i];
    const row = i * n;
    for (let j = 0; j < n; j++) {
      precision[row + j] -= s * share[j] * pivot;
      gram[row + j] += -s * own[j] - share[j] * own[i] + s * share[j] * gcc;
    }
  }
}

async function stateOf({ use, covariance, factor = 1 }: Reader, breather: Breather): Promise<State> {
  const n = use.inputs.length;
  const gram = await gramOf(use, breather);
  let trace = 0;
  let energy = 0;
  for (let i = 0; i < n; i++) trace += covariance[i * n + i];
  for (let i = 0; i < n * n; i++) energy += gram[i] * covariance[i];
  const regular = covariance.slice();
  for (let i = 0; i < n; i++) regular[i * n + i] += (RIDGE * trace) / n + 1e-12;
  const channelsOf = new Map<Unit, number[]>();
  for (const [c, unit] of use.inputs.entries()) {
    const list = channelsOf.get(unit);
    if (list) list.push(c);
    else channelsOf.set(unit, [c]);
  }
  return {
    n,
    precision: await inverse(regular, n, breather),
    gram,
    energy: Math.max(energy, 1e-20) / Math.max(factor, 1e-9),
    channelsOf,
    gone: new Uint8Array(n),
  };
}

/** WᵀW over outputs and taps. */
async function gramOf({ weight }: WeightUse, breather: Breather): Promise<Float64Array> {
  const { data, shape } = toFloat32(weight);
  const [outputs, n] = shape;
  const taps = elementCount(shape.slice(2));
  const gram = new Float64Array(n * n);
  const column = new Float64Array(n);
  for (let o = 0; o < outputs; o++) {
    for (let t = 0; t < taps; t++) {
      for (let c = 0; c < n; c++) column[c] = data[(o * n + c) * taps + t];
      for (let i = 0; i < n; i++) {
        const w = column[i];
        for (let j = 0; j < n; j++) gram[i * n + j] += w * column[j];
      }
    }
    await breather.rest();
  }
  return gram;
}
