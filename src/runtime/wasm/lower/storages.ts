/** Storages: runs of bytes of linear memory: constants stay, activations share one arena by their lifetimes. */

/**
 * Where a storage lies. `workspace`: scratch memory and activations, which all plans of a model use in turn. `weights`: what all
 * plans of a model read. `plan`: what one plan alone reads.
 */
export type Room = "workspace" | "weights" | "plan";

/** A run of bytes whose address is known later: of `weights` in the memory, of others within their room. */
export interface Storage {
  readonly room: Room;
  /** Multiple of 16. */
  readonly bytes: number;
  /** First and last step that touch it (activations). */
  first: number;
  last: number;
  address: number;
}

export interface Address {
  readonly storage: Storage;
  readonly offset: number;
}

export const ALIGNMENT = 64;

export function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}

export function createStorage(room: Room, bytes: number): Storage {
  return { room, bytes: roundUp(Math.max(bytes, 16), 16), first: Number.POSITIVE_INFINITY, last: -1, address: -1 };
}

/**
 * Gives each storage an address of `base` or above such that storages that are live at one step never overlap: the largest
 * first, each at the lowest free place. Returns the end of the arena. `guard` bytes stay free behind each storage (tests
 * watch them for stray writes).
 */
export function placeArena(storages: readonly Storage[], base: number, guard = 0): number {
  const placed: Storage[] = [];
  let end = base;
  const bySize = [...storages].sort((a, b) => b.bytes - a.bytes || a.first - b.first);
  for (const storage of bySize) {
    const rivals = placed
      .filter((other) => other.first <= storage.last && storage.first <= other.last)
      .sort((a, b) => a.address - b.address);
    let address = base;
    for (const rival of rivals) {
      if (address + storage.bytes + guard <= rival.address) break;
      address = Math.max(address, roundUp(rival.address + rival.bytes + guard, ALIGNMENT));
    }
    storage.address = address;
    placed.push(storage);
    end = Math.max(end, address + storage.bytes + guard);
  }
  return end;
}
