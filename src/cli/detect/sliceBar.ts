/** Progress of one large picture: a bar over its windows. */

import type { Output } from "../output.js";
import { type Bar, openBar } from "../progress.js";

/** Fewer windows are done before a bar could be read. */
const LEAST_WINDOWS = 8;

export class SliceBar {
  private readonly output: Output;
  private bar: Promise<Bar> | undefined;

  constructor(output: Output) {
    this.output = output;
  }

  readonly onSlice = ({ done, total }: { readonly done: number; readonly total: number }): void => {
    if (total < LEAST_WINDOWS) return;
    this.bar ??= openBar(this.output, total, "windows {bar} {value}/{total}, {eta} s left");
    void this.bar.then((bar) => bar.update(done));
    if (done === total) this.stop();
  };

  stop(): void {
    void this.bar?.then((bar) => bar.stop());
    this.bar = undefined;
  }
}
