/** Progress of a run: a bar over its pictures, or over the windows of a single one. */

import type { Output } from "../output.js";
import { type Bar, openBar } from "../progress.js";
import type { SourceItem } from "./sources/sourceItem.js";

/** With fewer windows, the work is done before a bar could be read. */
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

/** One bar for many pictures, unless log lines on the same terminal already show the progress. */
export async function openPicturesBar(items: readonly SourceItem[], output: Output): Promise<Bar> {
  const many = items.every(({ video }) => !video) && items.length > 1 && !output.humanOnTerminal;
  if (!many) return { update: () => undefined, stop: () => undefined };
  return openBar(output, items.length, "detecting {bar} {value}/{total} pictures, {eta} s left");
}
