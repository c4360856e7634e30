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

/** What an error of a value's channels costs: r·gram·rᵀ, r being the error. */
export interface Costs {
  /** Unit of each channel. */
  readonly inputs: readonly Unit[];
  /** Of the channels, [channels × channels]. */
  readonly covariance: Float64Array;
  /** [channels × channels]. */
  readonly gram: Float64Array;
}

/** A group's units in the order in which they are removed, and what each costs once those before it are gone. */
export interface Elimination {
  readonly units: readonly Unit[];
  readonly costs: readonly number[];
}

/** Fraction of the mean variance added to each variance, so that the inverse exists. */
const RIDGE = 1e-3;

/** Matrices of a value, updated as channels are removed. */
interface State {
  readonly n: number;
  readonly precision: Float64Array;
  readonly gram: Float64Array;
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
  grouping: Grouping,
  readers: readonly Reader[],
  least = 0.25,
  breather = new Breather(),
): Promise<Map<Unit, number>> {
  const costs: Costs[] = [];
  for (const reader of readers) costs.push(await costsOfReader(reader, breather));
  return orderScores(map, grouping, await eliminations(grouping, costs, least, breather));
}

/** Scores that follow the order of removal within each group; infinity for units that are never removed. */
export function orderScores(
  map: ChannelMap,
  { groups }: Grouping,
  eliminated: readonly Elimination[],
): Map<Unit, number> {
  const scores = new Map<Unit, number>();
  for (const unit of [...map.fixed.keys(), ...groups.flatMap(({ units }) => units)]) {
    scores.set(unit, Number.POSITIVE_INFINITY);
  }
  for (const { units, costs } of eliminated) {
    let highest = 0;
    for (const [i, unit] of units.entries()) {
      highest = Math.max(highest, costs[i]);
      scores.set(unit, highest);
    }
  }
  return scores;
}

/**
 * Removes the units of each group one after another, the cheapest first, while the other groups are whole.
 * @param least fraction of each group that is never removed.
 */
export async function eliminations(
  { groups }: Grouping,
  costs: readonly Costs[],
  least: number,
  breather = new Breather(),
): Promise<Elimination[]> {
  const initial = new Map<Costs, State>();
  const result: Elimination[] = [];
  for (const group of groups) {
    const own = new Set(group.units);
    const states: State[] = [];
    for (const entry of costs.filter(({ inputs }) => inputs.some((unit) => own.has(unit)))) {
      const state = initial.get(entry) ?? (await stateOf(entry, breather));
      initial.set(entry, state);
      const { precision, gram, gone } = state;
      states.push({ ...state, precision: precision.slice(), gram: gram.slice(), gone: gone.slice() });
    }
    result.push(await eliminate(group, states, Math.floor(group.units.length * (1 - least)), breather));
  }
  return result;
}

async function eliminate(
  group: ChannelGroup,
  states: readonly State[],
  count: number,
  breather: Breather,
): Promise<Elimination> {
  const active = new Set(group.units);
  const units: Unit[] = [];
  const costs: number[] = [];
  for (let step = 0; step < count; step++) {
    let best: Unit | undefined;
    let bestCost = Number.POSITIVE_INFINITY;
    for (const unit of active) {
      const cost = costOf(unit, states);
      if (cost < bestCost || best === undefined) [best, bestCost] = [unit, cost];
    }
    if (best === undefined) break;
    units.push(best);
    costs.push(bestCost);
    active.delete(best);
    for (const state of states) {
      for (const c of state.channelsOf.get(best) ?? []) {
        remove(state, c);
        await breather.rest();
      }
    }
  }
  return { units, costs };
}

function costOf(unit: Unit, states: readonly State[]): number {
  let cost = 0;
  for (const { n, precision, gram, channelsOf } of states) {
    for (const c of channelsOf.get(unit) ?? []) cost += gram[c * n + c] / precision[c * n + c];
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

/** As a fraction of the variance of the reader's outputs. */
async function costsOfReader({ use, covariance, factor = 1 }: Reader, breather: Breather): Promise<Costs> {
  const gram = await gramOf(use, breather);
  let energy = 0;
  for (let i = 0; i < gram.length; i++) energy += gram[i] * covariance[i];
  const scale = Math.max(factor, 1e-9) / Math.max(energy, 1e-20);
  return { inputs: use.inputs, covariance, gram: gram.map((v) => v * scale) };
}

async function stateOf({ inputs, covariance, gram }: Costs, breather: Breather): Promise<State> {
  const n = inputs.length;
  let trace = 0;
  for (let i = 0; i < n; i++) trace += covariance[i * n + i];
  const regular = covariance.slice();
  for (let i = 0; i < n; i++) regular[i * n + i] += (RIDGE * trace) / n + 1e-12;
  const channelsOf = new Map<Unit, number[]>();
  for (const [c, unit] of inputs.entries()) {
    const list = channelsOf.get(unit);
    if (list) list.push(c);
    else channelsOf.set(unit, [c]);
  }
  return { n, precision: await inverse(regular, n, breather), gram, channelsOf, gone: new Uint8Array(n) };
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
