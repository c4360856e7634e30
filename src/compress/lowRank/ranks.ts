/**
 * How many channels each pair of convolutions has between them, so that enough operations are saved at the least loss: every layer
 * takes the rank whose loss plus price of its operations is least, and one price for the whole network is looked for.
 */

/** What a layer loses and costs at each rank. */
export interface RankCurve {
  /** Of the layer as it is. */
  readonly flops: number;
  /** Of the pair, for each channel between the two. */
  readonly flopsPerRank: number;
  /** Loss if k channels are left, at index k; it falls with k. */
  readonly losses: Float64Array;
}

/** Halvings of the interval of prices. */
const STEPS = 100;

/**
 * @param save operations to save
 * @param round ranks are multiples of it
 * @returns for each layer its rank, undefined where it stays as it is; undefined if no ranks save so much
 */
export function chooseRanks(
  curves: readonly RankCurve[],
  save: number,
  round: number,
): readonly (number | undefined)[] | undefined {
  const options = curves.map((curve) => optionsOf(curve, round));
  const pick = (price: number) => options.map((list) => cheapest(list, price));
  const saved = (picked: readonly Option[]): number => picked.reduce((sum, option) => sum + option.saved, 0);
  // Prices span many orders of magnitude, so the interval is halved in its logarithm.
  let [low, high] = [-100, 100];
  if (saved(pick(10 ** high)) < save) return undefined;
  for (let step = 0; step < STEPS; step++) {
    const middle = (low + high) / 2;
    if (saved(pick(10 ** middle)) < save) low = middle;
    else high = middle;
  }
  const chosen = pick(10 ** high);
  giveBack(options, chosen, saved(chosen) - save);
  return chosen.map(({ rank }) => rank);
}

/** A whole layer may be more than was needed: ranks grow while there is room, those first that lose most for their operations. */
function giveBack(options: readonly (readonly Option[])[], chosen: Option[], room: number): void {
  let left = room;
  for (;;) {
    let best: { layer: number; option: Option; gain: number } | undefined;
    for (const [layer, own] of chosen.entries()) {
      for (const option of options[layer]) {
        const more = own.saved - option.saved;
        const gain = (own.loss - option.loss) / more;
        if (more > 0 && more <= left && gain > (best?.gain ?? 0)) best = { layer, option, gain };
      }
    }
    if (!best) return;
    left -= chosen[best.layer].saved - best.option.saved;
    chosen[best.layer] = best.option;
  }
}

interface Option {
  readonly rank: number | undefined;
  readonly saved: number;
  readonly loss: number;
}

/** The layer as it is, then pairs that save something. */
function optionsOf({ flops, flopsPerRank, losses }: RankCurve, round: number): Option[] {
  const options: Option[] = [{ rank: undefined, saved: 0, loss: 0 }];
  for (let rank = round; rank < losses.length && rank * flopsPerRank < flops; rank += round) {
    options.push({ rank, saved: flops - rank * flopsPerRank, loss: losses[rank] });
  }
  return options;
}

function cheapest(options: readonly Option[], price: number): Option {
  return options.reduce((best, option) =>
    option.loss - price * option.saved < best.loss - price * best.saved ? option : best,
  );
}
