/**
 * Runs a list of steps inside WebAssembly. A step is a kernel, its arguments and a number of independent tiles; steps
 * run one after another, the tiles of a step are shared by all threads that take part.
 *
 * Without shared memory: `run(plan, first, last)`. With it: `work(plan, thread, generation, first, last)`, which every
 * thread calls for the same inference. `plan` is the address of the header of the list; a memory may hold many. Threads take tiles from an atomic counter, so one that comes late, or never, costs
 * nothing but its help. A thread that has no tile left waits for the others: first looking a few hundred times, then
 * asleep on the step's counter of finished tiles.
 *
 * Counters carry the generation (number of the inference): a thread that lags behind from an earlier one can never take a
 * tile of a later one.
 */

import { type I32, type I32Local, i32, i64, type ModuleBuilder } from "./emit/index.js";
import { KERNEL_PARAMETERS } from "./kernel.js";

/** Bytes of a step: kernel slot, address of its arguments, end of its tiles, first tile (of `run`; `work` begins where the counter is). */
export const STEP_BYTES = 16;
export const STEP = { tiles: 8, firstTile: 12 } as const;
/** Bytes of a step's counters, a cache line of their own: next tile (low) and generation (high), then finished tiles. */
export const COUNTER_BYTES = 64;

/**
 * Words of a plan's header, written by the host. The generation has a cache line of its own; `failed` is the generation in
 * which a thread failed, whose tiles will never be finished.
 */
export const HEADER = { steps: 0, counters: 4, scratch: 8, scratchBytes: 12, generation: 64, failed: 68 } as const;
export const HEADER_BYTES = 128;

/** Looks at a counter before a thread goes to sleep: some microseconds. */
const SPINS = 2000;
/** A sleeper looks again after this long in any case (nanoseconds). */
const NAP = 2_000_000n;
/** What `work` returns. */
export const OUTCOME = { stale: 0, done: 1, failed: 2 } as const;

export function defineScheduler(module: ModuleBuilder): void {
  const kernelType = module.typeIndex(KERNEL_PARAMETERS, false);
  const step = (plan: I32, index: I32): I32 => i32.add(i32.load(plan, HEADER.steps), i32.mul(index, STEP_BYTES));

  if (!module.target.shared) {
    module.define("run", 3, { exported: true }, (f) => {
      const [plan, first, last] = [f.parameter(0), f.parameter(1), f.parameter(2)];
      const scratch = f.i32(i32.load(plan, HEADER.scratch));
      const tile = f.i32();
      const tiles = f.i32();
      const entry = f.i32();
      const index = f.i32();
      f.for(index, first, last, 1, () => {
        f.set(entry, step(plan, index));
        f.set(tiles, i32.load(entry, STEP.tiles));
        f.for(tile, i32.load(entry, STEP.firstTile), tiles, 1, () => {
          f.callIndirect(kernelType, i32.load(entry), i32.load(entry, 4), tile, scratch);
        });
      });
    });
    return;
  }

  module.define("work", 5, { exported: true, returns: true }, (f) => {
    const [plan, thread, generation] = [f.parameter(0), f.parameter(1), f.parameter(2)];
    const [first, last] = [f.parameter(3), f.parameter(4)];
    const scratch = f.i32(
      i32.add(i32.load(plan, HEADER.scratch), i32.mul(thread, i32.load(plan, HEADER.scratchBytes))),
    );
    const entry = f.i32();
    const counter = f.i32();
    const finished = f.i32();
    const tiles = f.i32();
    const tile = f.i32();
    const index = f.i32();
    const spins = f.i32();
    const seen = f.i32();
    const word = f.i64();
    const leaveIfOver = (): void => {
      f.if(i32.ne(i32.atomicLoad(plan, HEADER.generation), generation), () => f.return(OUTCOME.stale));
      f.if(i32.eq(i32.atomicLoad(plan, HEADER.failed), generation), () => f.return(OUTCOME.failed));
    };

    /** Takes tiles until none is left. */
    const takeTiles = (): void =>
      f.block((done) => {
        f.doWhile(() => {
          f.set64(word, i64.atomicLoad(counter));
          f.if(i32.ne(i32.wrap(i64.shrU(word, i64.const(32n))), generation), () => f.return(OUTCOME.stale));
          f.set(tile, i32.wrap(word));
          f.breakIf(done, i32.geU(tile, tiles));
          f.if(i64.eq(i64.compareExchange(counter, word, i64.add(word, i64.const(1n))), word), () => {
            f.callIndirect(kernelType, i32.load(entry), i32.load(entry, 4), tile, scratch);
            f.if(i32.eq(i32.add(i32.atomicAdd(finished, 1), 1), tiles), () => {
              f.run(i32.atomicNotify(finished, -1));
            });
          });
        }, i32.const(1));
      });

    const awaitOthers = (local: I32Local): void => {
      f.set(local, 0);
      f.block((done) => {
        f.doWhile(() => {
          f.set(seen, i32.atomicLoad(finished));
          f.breakIf(done, i32.eq(seen, tiles));
          f.increase(local, 1);
          f.if(i32.geS(local, SPINS), () => {
            leaveIfOver();
            f.run(i32.atomicWait(finished, seen, NAP));
          });
        }, i32.const(1));
      });
    };

    f.for(index, first, last, 1, () => {
      f.set(entry, step(plan, index));
      f.set(tiles, i32.load(entry, STEP.tiles));
      f.set(counter, i32.add(i32.load(plan, HEADER.counters), i32.mul(index, COUNTER_BYTES)));
      f.set(finished, i32.add(counter, 8));
      takeTiles();
      awaitOthers(spins);
    });
    f.return(OUTCOME.done);
  });
}
