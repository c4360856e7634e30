/** Progress on standard error: a bar on a terminal, otherwise at most one line. */

import type { OnProgress } from "../node/net/download.js";
import type { Output } from "./output.js";
import { megabytes } from "./table.js";

export interface Bar {
  /** @param words further placeholders of the format. */
  update(value: number, words?: Readonly<Record<string, string>>): void;
  stop(): void;
}

const NO_BAR: Bar = { update: () => undefined, stop: () => undefined };

/**
 * A bar, or nothing if standard error is not a terminal.
 * @param format may use {bar}, {value}, {total}, {percentage}, {eta}, and the names in `words` and `update`.
 */
export async function openBar(
  output: Output,
  total: number,
  format: string,
  words: Readonly<Record<string, string>> = {},
): Promise<Bar> {
  const { terminal } = output.io.stderr;
  if (!terminal || output.quiet) return NO_BAR;
  const { default: cliProgress } = await import("cli-progress");
  const bar = new cliProgress.SingleBar(
    { stream: terminal, format, clearOnComplete: true, hideCursor: true, barsize: 30 },
    cliProgress.Presets.shades_classic,
  );
  bar.start(total, 0, words);
  return { update: (value, more) => bar.update(value, more), stop: () => bar.stop() };
}

/** Shows download progress; `stop` ends the open bar. */
export class DownloadProgress {
  private readonly output: Output;
  private readonly announce: boolean;
  private bar: Bar | undefined;
  private opening = false;

  /** @param announce print one line if there is no terminal for a bar. */
  constructor(output: Output, announce = true) {
    this.output = output;
    this.announce = announce;
  }

  readonly onProgress: OnProgress = ({ loaded, total }) => {
    if (!this.opening) {
      this.opening = true;
      void this.open(total);
    }
    this.bar?.update(Math.round(loaded / 1e5) / 10);
    if (loaded === total) this.stop();
  };

  stop(): void {
    this.bar?.stop();
    this.bar = undefined;
    this.opening = false;
  }

  private async open(total: number | undefined): Promise<void> {
    if (!this.output.io.stderr.terminal) {
      if (this.announce) this.output.line(`downloading${total === undefined ? "" : ` ${megabytes(total)}`} …`);
      return;
    }
    const bar = await openBar(
      this.output,
      total === undefined ? 0 : Math.round(total / 1e5) / 10,
      "downloading {bar} {value}/{total} MB, {eta} s left",
    );
    // The download may have finished while the bar's code was loading.
    if (this.opening) this.bar = bar;
    else bar.stop();
  }
}
