/**
 * Which storages can share memory: those that are never alive at the same time. Each slot becomes one buffer, so that a
 * dispatch never finds its input and output in one buffer (WebGPU forbids read beside read_write of one buffer) unless
 * they are slices of one storage. Greedy by size (Pisarchyk and Lee 2020, "Efficient memory management for deep neural
 * net inference", section 5): the largest storage first, each into the fullest slot that is free for all its life.
 */

import type { Storage } from "./plan.js";

export interface Slot {
  bytes: number;
  readonly storages: Storage[];
}

export interface MemoryPlan {
  readonly slots: readonly Slot[];
  /** Slot of each storage, by storage id; −1 for a storage that no dispatch touches. */
  readonly slotOf: readonly number[];
}

const overlap = (a: Storage, b: Storage): boolean => a.first <= b.last && b.first <= a.last;

/** @param share false: every storage its own slot. */
export function planMemory(storages: readonly Storage[], share = true): MemoryPlan {
  const slots: Slot[] = [];
  const slotOf = new Array<number>(storages.length).fill(-1);
  const used = storages.filter((s) => s.last >= s.first || s.first === -1);
  for (const storage of [...used].sort((a, b) => b.bytes - a.bytes || a.first - b.first)) {
    let best = -1;
    if (share) {
      slots.forEach((slot, index) => {
        if (slot.storages.some((other) => overlap(other, storage))) return;
        // Among free slots, all at least as large as this storage, the smallest one wastes least.
        if (best < 0 || slot.bytes < slots[best].bytes) best = index;
      });
    }
    if (best < 0) {
      best = slots.length;
      slots.push({ bytes: storage.bytes, storages: [] });
    }
    slots[best].storages.push(storage);
    slotOf[storage.id] = best;
  }
  return { slots, slotOf };
}

export const plannedBytes = (plan: MemoryPlan): number => plan.slots.reduce((sum, slot) => sum + slot.bytes, 0);
