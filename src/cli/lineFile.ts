/** A text file that is written as its lines come, so that others can read along. */

import { appendFile, mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

export class LineFile {
  private readonly path: string;
  private opened: Promise<void> | undefined;
  private last: Promise<void> = Promise.resolve();

  constructor(path: string) {
    this.path = path;
  }

  /** Appends; the first call empties the file. Calls are written in their order. */
  write(text: string): Promise<void> {
    this.opened ??= this.open();
    this.last = Promise.all([this.opened, this.last]).then(() => appendFile(this.path, text));
    return this.last;
  }

  private async open(): Promise<void> {
    await mkdir(dirname(this.path), { recursive: true });
    await writeFile(this.path, "");
  }
}
