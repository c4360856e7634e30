/** Blocks of linear memory: constants stay, activations share one arena by their lifetimes. */

/**
 * Where a block lies. `workspace`: scratch memory and activations, which all plans of a model use in turn. `weights`: what all
 * plans of a model read. `plan`: what one plan alone reads.
 */
export type Room = "workspace" | "weights" | "plan";

/** A run of bytes whose address is known later: of `weights` in the memory, of others within their room. */
export interface Block {
  readonly room: Room;
  /** Multiple of 16. */
  readonly bytes: number;
  /** First and last step that touch it (activations). */
  first: number;
  last: number;
  address: number;
}

export interface Address {
  readonly block: Block;
  readonly offset: number;
}

export const ALIGNMENT = 64;

export function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}

export function createBlock(room: Room, bytes: number): Block {
  return { room, bytes: roundUp(Math.max(bytes, 16), 16), first: Number.POSITIVE_INFINITY, last: -1, address: -1 };
}

/**
 * Gives each block an address of `base` or above such that blocks that are live at one step never overlap: the largest
 * first, each at the lowest free place. Returns the end of the arena. `guard` bytes stay free behind each block (tests
 * watch them for stray writes).
 */
export function placeArena(blocks: readonly Block[], base: number, guard = 0): number {
  const placed: Block[] = [];
  let end = base;
  const bySize = [...blocks].sort((a, b) => b.bytes - a.bytes || a.first - b.first);
  for (const block of bySize) {
    const rivals = placed
      .filter((other) => other.first <= block.last && block.first <= other.last)
      .sort((a, b) => a.address - b.address);
    let address = base;
    for (const rival of rivals) {
      if (address + block.bytes + guard <= rival.address) break;
      address = Math.max(address, roundUp(rival.address + rival.bytes + guard, ALIGNMENT));
    }
    block.address = address;
    placed.push(block);
    end = Math.max(end, address + block.bytes + guard);
  }
  return end;
}
