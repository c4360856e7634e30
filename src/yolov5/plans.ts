/** The compiled plans of a network, one per input shape; the least recently used are dropped beyond a memory limit. */

import type { ComputeDType, Executable } from "../runtime/backend.js";

interface Plan {
  readonly dtype: ComputeDType;
  readonly executable: Promise<Executable>;
  /** Number of calls using it; a plan in use is never dropped. */
  users: number;
  /** Its memory as of the last call, not counting what all plans share. */
  bytes: number;
  /** It has been replaced and will be disposed of when its last call ends. */
  retired?: boolean;
}

function dispose({ executable }: Plan): void {
  void executable.then((e) => e.dispose()).catch(() => undefined);
}

/** What identifies a plan. */
export interface PlanKey {
  readonly dtype: ComputeDType;
  readonly shape: readonly number[];
}

const nameOf = ({ dtype, shape }: PlanKey): string => `${dtype} ${shape.join("x")}`;

export class Plans {
  /** Most recently used last. */
  private readonly plans = new Map<string, Plan>();
  private disposed = false;

  /**
   * @param budget memory limit in bytes (`MemoryUse.shapeBytes`).
   * @param dtype the network's current precision; plans with another one are obsolete.
   */
  constructor(
    private readonly budget: () => number,
    private readonly dtype: () => ComputeDType,
  ) {}

  /** Runs `use` with the plan for a key; `compile` creates it if there is none. */
  async with<T>(
    key: PlanKey,
    compile: () => Promise<Executable>,
    use: (executable: Executable) => Promise<T>,
  ): Promise<T> {
    const name = nameOf(key);
    const plan = this.plans.get(name) ?? { dtype: key.dtype, executable: compile(), users: 0, bytes: 0 };
    this.plans.delete(name);
    this.plans.set(name, plan);
    plan.users++;
    try {
      const executable = await plan.executable;
      const result = await use(executable);
      if (!this.disposed) plan.bytes = executable.memory().shapeBytes;
      return result;
    } catch (error) {
      // A plan that failed to compile must be removed.
      await plan.executable.catch(() => this.plans.delete(name));
      throw error;
    } finally {
      plan.users--;
      this.evict();
      if (plan.retired && plan.users === 0) dispose(plan);
    }
  }

  /** Replaces an executable; pending calls keep using the old one. */
  replace(key: PlanKey, executable: Executable): void {
    const name = nameOf(key);
    const old = this.plans.get(name);
    if (this.disposed) executable.dispose();
    else {
      const bytes = executable.memory().shapeBytes;
      this.plans.set(name, { dtype: key.dtype, executable: Promise.resolve(executable), users: 0, bytes });
    }
    if (old) old.retired = true;
    if (old?.users === 0) dispose(old);
    this.evict();
  }

  /** The number of plans, and their memory apart from what they share. */
  get use(): { readonly shapes: number; readonly bytes: number } {
    let bytes = 0;
    for (const plan of this.plans.values()) bytes += plan.bytes;
    return { shapes: this.plans.size, bytes };
  }

  dispose(): void {
    this.disposed = true;
    for (const plan of this.plans.values()) dispose(plan);
    this.plans.clear();
  }

  /** Drops the least recently used first, but never the last one, since the model's packed weights would go with it. */
  private evict(): void {
    const budget = this.budget();
    const dtype = this.dtype();
    let { bytes } = this.use;
    for (const [name, plan] of this.plans) {
      const fits = bytes <= budget || this.plans.size === 1;
      if (plan.users > 0 || (fits && plan.dtype === dtype)) continue;
      this.plans.delete(name);
      bytes -= plan.bytes;
      dispose(plan);
    }
  }
}
