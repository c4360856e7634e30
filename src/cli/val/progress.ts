/** The two progress bars of val: first the files of the data set, then its pictures. */

import { InterruptedError } from "../errors.js";
import type { Output } from "../output.js";
import { type Bar, openBar } from "../progress.js";

export interface Steps {
  /** Reports progress. */
  update(done: number, total: number): void;
  stop(): void;
}

/** A bar that opens on its first update, when the total is known. `what` ends in `{value}/{total}`. */
export function steps(output: Output, what: string): Steps {
  let bar: Bar | undefined;
  let opening = false;
  let stopped = false;
  return {
    update(done, total) {
      if (!opening) {
        opening = true;
        void openBar(output, total, `${what} {bar} {value}/{total}, {eta_formatted} left`).then((opened) => {
          bar = opened;
          if (stopped) bar.stop();
        });
      }
      bar?.update(done);
    },
    stop() {
      stopped = true;
      bar?.stop();
    },
  };
}

/** The result of `work`; on Ctrl-C rejects with InterruptedError. */
export async function interruptible<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (signal.aborted) throw new InterruptedError();
    throw error;
  }
}
