/** How many workers this host has room for. */

import { availableParallelism, freemem } from "node:os";

/** A worker's own code, decoders, pictures and activations. */
const WORKER_BYTES = 150 * 2 ** 20;
/** Of float16 in a file come three times four bytes: as read, with BatchNorm folded into it, and packed for the kernels. */
const TIMES_FILE = 6;

/**
 * One for each thread that the user allows, else for each core. None in Bun and Deno, which have modules of the same
 * name, unless they are asked for: the tests run Node's.
 */
export function workersByCores(threads: number | undefined): number {
  const { versions } = process;
  return "bun" in versions || "deno" in versions ? 0 : (threads ?? availableParallelism());
}

/**
 * With half of what is available left for everything else.
 * @param fileBytes size of the model's files.
 */
export function workersByMemory(fileBytes: number): number {
  // Knows of the limits of containers; other runtimes may lack it.
  const free = typeof process.availableMemory === "function" ? process.availableMemory() : freemem();
  return Math.floor(free / 2 / (WORKER_BYTES + TIMES_FILE * fileBytes));
}
