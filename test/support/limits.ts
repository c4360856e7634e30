/**
 * What one hostile file may take: 5 s of processor time and 1 GB. Seconds are those of the machine that the bound was set on:
 * a fixed piece of work tells how much slower this one is, so that no test depends on its speed or on what else it does.
 */

export const MAX_SECONDS = 5;
export const MAX_MIB = 1024;

/** What `work` takes where the bound was set, alone on its core. */
const USUAL_SECONDS = 0.1;

function work(): number {
  const table = new Int32Array(1 << 16);
  let state = 1;
  for (let i = 0; i < 2e7; i++) {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + i;
    table[state & 0xffff] ^= state;
  }
  return table[state & 0xffff];
}

const TOUCHED_BYTES = 2 ** 26;
const PAGE_BYTES = 4096;
/** What `touch` takes at most where the bound was set. */
const USUAL_TOUCH_SECONDS = 0.05;

/** New memory, page by page: in some virtual machines the system takes twenty times as long to give it. */
function touch(): Uint8Array {
  const memory = new Uint8Array(TOUCHED_BYTES);
  for (let at = 0; at < memory.length; at += PAGE_BYTES) memory[at] = 1;
  return memory;
}

/** Seconds of processor time of all threads of this process. */
export function processorSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** How many times slower this process is than where the bound was set; at least 1. */
export function slowness(): number {
  const before = processorSeconds();
  work();
  const worked = processorSeconds();
  touch();
  return Math.max(1, (worked - before) / USUAL_SECONDS, (processorSeconds() - worked) / USUAL_TOUCH_SECONDS);
}

/** Most memory that this process has had so far. */
export function peakMib(): number {
  return process.resourceUsage().maxRSS / 1024;
}

/** Runs what a hostile file asks for. @throws Error where that took more than 5 s of processor time. */
export async function soon<T>(work: () => T | Promise<T>): Promise<T> {
  const before = processorSeconds();
  const result = await work();
  const took = processorSeconds() - before;
  // Only where it matters, since measuring takes its time too.
  if (took > MAX_SECONDS && took > MAX_SECONDS * slowness()) throw new Error(`took ${took.toFixed(1)} s`);
  return result;
}

const WORD = 2n ** 64n - 1n;

/** x such that x ^ (x >> shift) is `value`. */
function unshifted(value: bigint, shift: bigint): bigint {
  let x = value;
  for (let bits = shift; bits < 64n; bits += shift) x = value ^ (x >> shift);
  return x;
}

/** x such that x · factor is `value`; for odd factors. */
function divided(value: bigint, factor: bigint): bigint {
  let inverse = factor;
  for (let i = 0; i < 6; i++) inverse = (inverse * (2n - factor * inverse)) & WORD;
  return (value * inverse) & WORD;
}

/**
 * Numbers with one and the same hash in V8, which hashes them without a seed (Thomas Wang's hash of a double's 64 bits): as keys
 * of a map each is looked for among all before it.
 */
export function collidingNumbers(count: number): number[] {
  const found: number[] = [];
  const view = new DataView(new ArrayBuffer(8));
  for (let i = 1n; found.length < count; i++) {
    // The hash is the last 30 bits.
    let x = unshifted(i << 30n, 22n);
    x = divided(x, 65n);
    x = unshifted(x, 11n);
    x = divided(x, 21n);
    x = unshifted(x, 31n);
    // ~x + (x << 18) is x · (2^18 − 1) − 1.
    view.setBigUint64(0, divided((x + 1n) & WORD, 2n ** 18n - 1n));
    const number = view.getFloat64(0);
    if (Number.isFinite(number)) found.push(number);
  }
  return found;
}
