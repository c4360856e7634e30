/** How many workers the memory has room for. */

/** A worker's own code, decoders, pictures and a small network's weights. */
const WORKER_BYTES = 150 * 2 ** 20;

/** With half of what is available left for everything else. */
export function memoryForWorkers(): number {
  return Math.floor(process.availableMemory() / 2 / WORKER_BYTES);
}
