/** The numeric routines behind the metrics, with NumPy's semantics. */

/** `count` evenly spaced numbers from `start` to `end`, both included, as `numpy.linspace`. */
export function linspace(start: number, end: number, count: number): Float64Array {
  const step = (end - start) / (count - 1);
  const out = Float64Array.from({ length: count }, (_, i) => start + i * step);
  if (count > 1) out[count - 1] = end;
  return out;
}

/**
 * `numpy.interp`: piecewise linear through (xs, ys). Among equal xs that match `x` exactly, the last one counts.
 * @param xs ascending, repeats allowed, at least one.
 * @param left value below xs[0]; default ys[0].
 * @param right value above the last x; default the last y.
 */
export function interpolate(
  x: ArrayLike<number>,
  xs: ArrayLike<number>,
  ys: ArrayLike<number>,
  left: number = ys[0],
  right: number = ys[ys.length - 1],
): Float64Array {
  const last = xs.length - 1;
  const out = new Float64Array(x.length);
  for (let i = 0; i < x.length; i++) {
    const value = x[i];
    if (value < xs[0]) out[i] = left;
    else if (value > xs[last]) out[i] = right;
    else {
      const j = lastNotAbove(xs, value);
      out[i] =
        j === last || xs[j] === value ? ys[j] : ((ys[j + 1] - ys[j]) / (xs[j + 1] - xs[j])) * (value - xs[j]) + ys[j];
    }
  }
  return out;
}

/** The last index whose x is not above `value`; `value` is at least xs[0]. */
function lastNotAbove(xs: ArrayLike<number>, value: number): number {
  let low = 0;
  let high = xs.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (xs[middle] <= value) low = middle;
    else high = middle;
  }
  return low;
}

/** First index whose value is not below `value` (`numpy.searchsorted`, side left); the length if there is none. */
export function firstNotBelow(values: ArrayLike<number>, value: number): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A moving average over about `2 × fraction` of the values, an odd number of them; the ends are repeated outwards. */
export function smooth(values: ArrayLike<number>, fraction: number): Float64Array {
  const count = values.length;
  const half = Math.floor(Math.round(count * fraction * 2) / 4);
  const window = 2 * half + 1;
  const out = new Float64Array(count);
  const at = (i: number): number => values[Math.min(Math.max(i, 0), count - 1)];
  for (let i = 0; i < count; i++) {
    let sum = 0;
    for (let k = -half; k <= half; k++) sum += at(i + k);
    out[i] = sum / window;
  }
  return out;
}

/** Index of the largest value, the first among equals; 0 for an empty array. */
export function argMax(values: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i] > values[best]) best = i;
  return best;
}

/** 0 for an empty array. */
export function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return values.length === 0 ? 0 : sum / values.length;
}
