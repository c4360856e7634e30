/** Constants of a model in its memory: each once, whatever the number of plans that read it, and there as long as one does. */

import type { LinearMemory } from "../device/linearMemory.js";
import type { Constant } from "../lower/steps.js";

interface Kept {
  readonly name: string;
  readonly address: number;
  readonly bytes: number;
  users: number;
}

/** What a plan holds of a model's constants. */
export type Held = readonly Kept[];

export class PackedWeights {
  /** Of all constants that are there. */
  bytes = 0;
  private readonly kept = new Map<string, Kept>();
  /** Numbers that stand for sources in names. */
  private readonly ids = new WeakMap<object, number>();
  private nextId = 0;

  constructor(private readonly memory: LinearMemory) {}

  /**
   * Gives constants their addresses.
   * @returns what the plan holds from now on, and the constants that are not written yet
   */
  acquire(constants: readonly Constant[]): { readonly held: Held; readonly missing: readonly Constant[] } {
    const held: Kept[] = [];
    const missing: Constant[] = [];
    try {
      for (const constant of constants) {
        const { storage, key, sources } = constant;
        const name = `${key}|${sources.map((source) => this.idOf(source)).join(",")}`;
        let entry = this.kept.get(name);
        if (!entry) {
          entry = { name, address: this.memory.take(storage.bytes), bytes: storage.bytes, users: 0 };
          this.kept.set(name, entry);
          this.bytes += entry.bytes;
          missing.push(constant);
        }
        entry.users++;
        held.push(entry);
        storage.address = entry.address;
      }
    } catch (error) {
      this.release(held);
      throw error;
    }
    return { held, missing };
  }

  release(held: Held): void {
    for (const entry of held) {
      if (--entry.users > 0) continue;
      this.kept.delete(entry.name);
      this.bytes -= entry.bytes;
      this.memory.give(entry.address);
    }
  }

  private idOf(source: object): number {
    let id = this.ids.get(source);
    if (id === undefined) {
      id = this.nextId++;
      this.ids.set(source, id);
    }
    return id;
  }
}
