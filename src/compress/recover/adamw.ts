/**
 * AdamW (Loshchilov & Hutter 2019): Adam with the decay of weights apart from the gradient, and a moving average of the weights,
 * all in one pass over the numbers of a tensor.
 */

export interface AdamWSettings {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Of weights; biases and other vectors are not decayed. */
  readonly weightDecay: number;
}

/** What changes from step to step. */
export interface AdamWStep {
  readonly learningRate: number;
  /** Factor of all gradients: what clipping asks for. */
  readonly scale: number;
  /** How much of the moving average stays; 0 for none. */
  readonly average: number;
  /** Factor of the learning rate for each tensor. Default: 1. */
  readonly rates?: readonly number[] | undefined;
}

/** Of a weight that is next to nothing. */
const LEAST_SIZE = 1e-3;
/** Biases count fully in every pixel, so they move more slowly. */
const BIAS_SHARE = 0.3;
const LEAST_BIAS_RATE = 0.02;

interface Weight {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Numbers beside the weights; enough, with them, to go on as if nothing had happened. */
export interface AdamWState {
  steps: number;
  readonly first: readonly Float32Array[];
  readonly second: readonly Float32Array[];
  /** Moving averages of the weights. */
  readonly averages: readonly Float32Array[];
}

/** State before the first step. */
export function adamWState(weights: readonly Weight[]): AdamWState {
  const zeros = (): Float32Array[] => weights.map(({ data }) => new Float32Array(data.length));
  return { steps: 0, first: zeros(), second: zeros(), averages: weights.map(({ data }) => data.slice()) };
}

/** √Σ of all squares: what gradients are clipped by. */
export function globalNorm(gradients: readonly Float32Array[]): number {
  let sum = 0;
  for (const gradient of gradients) {
    let own = 0;
    for (let i = 0; i < gradient.length; i++) own += gradient[i] * gradient[i];
    sum += own;
  }
  return Math.sqrt(sum);
}

/**
 * Rates for weights of very different sizes: a step changes every tensor by the same share of its own size, as in LARS (You et
 * al. 2017). With BatchNorm folded, sizes differ by a factor of a hundred between layers, and one rate for all would ruin some
 * of them.
 */
export function relativeRates(weights: readonly Weight[]): number[] {
  return weights.map(({ data, shape }) => {
    const size = Math.sqrt(data.reduce((sum, v) => sum + v * v, 0) / Math.max(1, data.length));
    return shape.length > 1 ? Math.max(size, LEAST_SIZE) : Math.max(size * BIAS_SHARE, LEAST_BIAS_RATE);
  });
}

/** Where weights are zero. Of biases, nowhere: they start at zero in many networks. */
export function zeroPlaces(weights: readonly Weight[]): Uint32Array[] {
  return weights.map(({ data, shape }) =>
    Uint32Array.from(shape.length > 1 ? [...data.keys()].filter((i) => data[i] === 0) : []),
  );
}

/** One step: changes weights and state in place. */
export function adamWStep(
  weights: readonly Weight[],
  gradients: readonly Float32Array[],
  state: AdamWState,
  { beta1, beta2, epsilon, weightDecay }: AdamWSettings,
  { learningRate, scale, average, rates }: AdamWStep,
): void {
  state.steps++;
  const correction = 1 / Math.sqrt(1 - beta2 ** state.steps);
  for (const [k, { data, shape }] of weights.entries()) {
    const gradient = gradients[k];
    const [first, second, averages] = [state.first[k], state.second[k], state.averages[k]];
    const rate = learningRate * (rates?.[k] ?? 1);
    const stepSize = rate / (1 - beta1 ** state.steps);
    const keep = shape.length > 1 ? 1 - rate * weightDecay : 1;
    for (let i = 0; i < data.length; i++) {
      const g = gradient[i] * scale;
      const m = beta1 * first[i] + (1 - beta1) * g;
      const v = beta2 * second[i] + (1 - beta2) * g * g;
      first[i] = m;
      second[i] = v;
      data[i] = keep * data[i] - (stepSize * m) / (Math.sqrt(v) * correction + epsilon);
      averages[i] = average * averages[i] + (1 - average) * data[i];
    }
  }
}
