/**
 * Assigns storages to offsets in a few buffers ("arenas"), so that memory is reused as soon as it is free. WebGPU
 * forbids a buffer to be bound read and read_write in one dispatch, even on disjoint ranges. So a dispatch's inputs
 * and outputs are placed in different arenas as long as that costs little memory. Otherwise such inputs are bound
 * read_write as well (`kernelText`), which is allowed on disjoint ranges but prevents a GPU from treating them as
 * constant.
 *
 * Greedy by size (Pisarchyk and Lee 2020, "Efficient memory management for deep neural net inference", section 5):
 * the largest storage first, each at the lowest free offset of the arena that grows least by it.
 */

import type { Plan, Step, Storage } from "./plan.js";

/** Alignment of binding offsets that every adapter accepts. */
const ALIGNMENT = 256;

export interface MemoryPlan {
  readonly arenaBytes: readonly number[];
  /** By storage id; undefined for a storage that nothing touches. */
  readonly locations: readonly (Location | undefined)[];
}

interface Location {
  readonly arena: number;
  readonly offset: number;
}

const overlap = (a: Storage, b: Storage): boolean => a.first <= b.last && b.first <= a.last;

/** How much more memory than needed is spent to keep inputs and outputs in different arenas. */
const TOLERANCE = 1.1;

/**
 * For every storage those that a dispatch reads while it writes the storage, or writes while it reads it. With
 * `allowSharing` only where sharing is impossible: two inputs that overlap cannot both be read_write.
 */
function conflicts(steps: readonly Step[], count: number, allowSharing: boolean): Set<number>[] {
  const sets = Array.from({ length: count }, () => new Set<number>());
  for (const { operands } of steps) {
    const tensors = operands.flatMap((operand) => (operand.kind === "constant" ? [] : [operand]));
    const reads = tensors.slice(0, -1);
    const written = tensors[tensors.length - 1].storage.id;
    const starts = new Set(reads.map((t) => `${t.storage.id}@${t.byteOffset}`));
    if (allowSharing && starts.size === reads.length) continue;
    for (const { storage } of reads) {
      const read = storage.id;
      if (read === written) continue;
      sets[read].add(written);
      sets[written].add(read);
    }
  }
  return sets;
}

interface Resident {
  readonly storage: Storage;
  readonly offset: number;
}

/** Lowest offset at which `storage` meets nothing that is alive with it. */
function lowestOffset(residents: readonly Resident[], storage: Storage): number {
  let offset = 0;
  for (const other of residents) {
    if (!overlap(other.storage, storage)) continue;
    if (offset + storage.bytes <= other.offset) break;
    offset = Math.max(offset, Math.ceil((other.offset + other.storage.bytes) / ALIGNMENT) * ALIGNMENT);
  }
  return offset;
}

/** Largest sum of bytes that are alive at one step: no plan for these storages can do with less. */
function peakBytes(storages: readonly Storage[]): number {
  const sumAt = (step: number) =>
    storages.reduce((sum, s) => sum + (s.first <= step && step <= s.last ? s.bytes : 0), 0);
  return storages.reduce((most, s) => Math.max(most, sumAt(s.first)), 0);
}

export const plannedBytes = (plan: MemoryPlan): number => plan.arenaBytes.reduce((sum, bytes) => sum + bytes, 0);

/** @param maxBytes largest buffer of the adapter: an arena does not grow beyond it unless one storage alone does. */
export function planMemory(plan: Pick<Plan, "steps" | "storages">, maxBytes: number): MemoryPlan {
  const { steps, storages } = plan;
  const apart = place(storages, conflicts(steps, storages.length, false), maxBytes);
  if (plannedBytes(apart) <= TOLERANCE * peakBytes(storages)) return apart;
  const shared = place(storages, conflicts(steps, storages.length, true), maxBytes);
  return plannedBytes(shared) < plannedBytes(apart) ? shared : apart;
}

function place(storages: readonly Storage[], apart: readonly ReadonlySet<number>[], maxBytes: number): MemoryPlan {
  const locations = new Array<Location | undefined>(storages.length).fill(undefined);
  const arenas: { bytes: number; residents: Resident[] }[] = [];
  const used = storages.filter((s) => s.last >= s.first);
  for (const storage of [...used].sort((a, b) => b.bytes - a.bytes || a.first - b.first)) {
    const forbidden = new Set([...apart[storage.id]].map((id) => locations[id]?.arena));
    let best = { arena: arenas.length, offset: 0, growth: storage.bytes };
    arenas.forEach((arena, index) => {
      if (forbidden.has(index)) return;
      const offset = lowestOffset(arena.residents, storage);
      const end = offset + storage.bytes;
      const growth = Math.max(0, end - arena.bytes);
      if (end <= maxBytes && growth < best.growth) best = { arena: index, offset, growth };
    });
    const { arena, offset } = best;
    if (arena === arenas.length) arenas.push({ bytes: 0, residents: [] });
    locations[storage.id] = { arena, offset };
    const { residents } = arenas[arena];
    residents.push({ storage, offset });
    residents.sort((a, b) => a.offset - b.offset);
    arenas[arena].bytes += best.growth;
  }
  return { arenaBytes: arenas.map(({ bytes }) => bytes), locations };
}
