/** How many workers the memory has room for. */

/** A worker's own code, decoders, pictures and activations. */
const WORKER_BYTES = 150 * 2 ** 20;
/** Of float16 in a file come three times four bytes: as read, with BatchNorm folded into it, and packed for the kernels. */
const TIMES_FILE = 6;

/**
 * With half of what is available left for everything else.
 * @param fileBytes size of the model's files.
 */
export function memoryForWorkers(fileBytes: number): number {
  return Math.floor(process.availableMemory() / 2 / (WORKER_BYTES + TIMES_FILE * fileBytes));
}
