/** The choice of ranks, against all choices. */

import { describe, expect, test } from "vitest";
import { chooseRanks, type RankCurve } from "../../../src/compress/lowRank/ranks.js";
import { seededRandom } from "../../../src/tensor/index.js";

/** Losses that fall more and more slowly, as sums of sorted energies do. */
function curve(seed: number, channels: number, flops: number): RankCurve {
  const random = seededRandom(seed);
  const energies = Array.from({ length: channels }, () => random() ** 4).sort((a, b) => b - a);
  const losses = new Float64Array(channels + 1);
  for (let k = channels - 1; k >= 0; k--) losses[k] = losses[k + 1] + energies[k];
  return { flops, flopsPerRank: (1.25 * flops) / channels, losses };
}

const curves = [curve(1, 16, 400), curve(2, 24, 900), curve(3, 12, 300)];
const whole = curves.reduce((sum, { flops }) => sum + flops, 0);

type Ranks = readonly (number | undefined)[];
const savedBy = (ranks: Ranks): number =>
  ranks.reduce<number>((sum, k, i) => sum + (k === undefined ? 0 : curves[i].flops - k * curves[i].flopsPerRank), 0);
const lossOf = (ranks: Ranks): number =>
  ranks.reduce<number>((sum, k, i) => sum + (k === undefined ? 0 : curves[i].losses[k]), 0);

function* allRanks(round: number, at = 0): Generator<Ranks> {
  if (at === curves.length) {
    yield [];
    return;
  }
  for (const rest of allRanks(round, at + 1)) {
    yield [undefined, ...rest];
    for (let k = round; k < curves[at].losses.length; k += round) yield [k, ...rest];
  }
}

describe.each([1, 4])("multiples of %i", (round) => {
  test.each([0.05, 0.2, 0.4, 0.6])("saving %f of the operations loses hardly more than the best choice", (share) => {
    const save = share * whole;
    const ranks = chooseRanks(curves, save, round);
    if (!ranks) throw new Error("no choice");
    expect(savedBy(ranks)).toBeGreaterThanOrEqual(save);
    for (const k of ranks) if (k !== undefined) expect(k % round).toBe(0);
    let best = Number.POSITIVE_INFINITY;
    let most = 0;
    for (const other of allRanks(round)) {
      if (savedBy(other) >= save) best = Math.min(best, lossOf(other));
      most = Math.max(most, lossOf(other));
    }
    expect(lossOf(ranks) - best).toBeLessThan(0.1 * most);
    // No layer can take its next larger rank in what is left over.
    for (const [i, k] of ranks.entries()) {
      if (k === undefined || k + round >= curves[i].losses.length) continue;
      expect(savedBy(ranks.map((own, at) => (at === i ? k + round : own)))).toBeLessThan(save);
    }
  });
});

test("a pair that costs more than its layer is never chosen, and what cannot be saved is said", () => {
  const dear: RankCurve = { flops: 100, flopsPerRank: 60, losses: Float64Array.of(3, 2, 1, 0) };
  expect(chooseRanks([dear], 30, 1)).toEqual([1]);
  expect(chooseRanks([dear], 41, 1)).toBeUndefined();
  expect(chooseRanks([dear], 1, 2)).toBeUndefined();
});
