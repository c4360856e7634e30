/** Which of two loaded models is faster. Part of the engine: a page with a worker on WebGPU or WASM needs none of it. */

import { compare, type Float32Tensor, type HostTensor, seededRandom, tensor } from "../tensor/index.js";
import type { ModelInfo } from "../yolov5/checkpoint/modelInfo.js";
import { checkImageSize } from "../yolov5/options.js";

/** Timed runs per side; the best one counts. */
const ROUNDS = 3;
/** A rival that is this many times slower in its first timed run has lost. */
const HOPELESS = 2;
/** The difference that rounding explains. Broken drivers are off by far more. */
const NMSE = 1e-6;

/** A loaded model, here or in a worker. */
export interface Contestant {
  readonly info: ModelInfo;
  readonly device: { readonly name: string };
  forward(input: HostTensor): Promise<HostTensor[]>;
  dispose(): void;
}

/** Noise of the model's usual input size: zeros would be computed faster than pictures. */
function usualInput({ task, stride, defaultImgsz }: ModelInfo): Float32Tensor {
  const [h, w] = task === "classify" ? defaultImgsz : checkImageSize(defaultImgsz, stride, () => undefined);
  const random = seededRandom(0);
  const data = Float32Array.from({ length: 3 * h * w }, () => random());
  return tensor("float32", [1, 3, h, w], data);
}

async function msOf(model: Contestant, input: HostTensor): Promise<number> {
  const started = performance.now();
  await model.forward(input);
  return performance.now() - started;
}

export interface ContestOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onNote?: ((note: string) => void) | undefined;
}

/**
 * Runs the network on both sides, compares the outputs, keeps the faster side and disposes of the other. A rival that
 * is not available, fails, or computes something else has lost; a note says why.
 * @param standing the model on WASM or the reference: kept unless the rival wins.
 * @param openRival opens the same model on WebGL2.
 */
export async function fasterOf<M extends Contestant>(
  standing: M,
  openRival: () => Promise<M>,
  options: ContestOptions,
): Promise<M> {
  const { signal, onNote } = options;
  const input = usualInput(standing.info);
  const times: { standing: number; rival: number } = {
    standing: Number.POSITIVE_INFINITY,
    rival: Number.POSITIVE_INFINITY,
  };
  let rival: M | undefined;
  let reason: string | undefined;
  try {
    rival = await openRival();
    const [wanted, given] = [await standing.forward(input), await rival.forward(input)];
    signal?.throwIfAborted();
    const apart = given.findIndex((output, i) => !(compare(output, wanted[i]).nmse <= NMSE));
    if (apart >= 0) reason = "its outputs are wrong on this graphics driver";
    for (let round = 0; round < ROUNDS && reason === undefined; round++) {
      times.standing = Math.min(times.standing, await msOf(standing, input));
      times.rival = Math.min(times.rival, await msOf(rival, input));
      signal?.throwIfAborted();
      if (times.rival > HOPELESS * times.standing) break;
    }
  } catch (error) {
    if (signal?.aborted) {
      rival?.dispose();
      standing.dispose();
      throw signal.reason;
    }
    reason = error instanceof Error ? error.message.replace(/^gpujs: /, "") : String(error);
  }
  const { name } = standing.device;
  const figures = `${times.rival.toFixed(0)} ms per picture, ${name} ${times.standing.toFixed(0)} ms`;
  if (rival && reason === undefined && times.rival < times.standing) {
    onNote?.(`WebGL2 is faster here: ${figures}`);
    standing.dispose();
    return rival;
  }
  onNote?.(`not on WebGL2: ${reason ?? `it takes ${figures}`}`);
  rival?.dispose();
  return standing;
}
