/** The line above the picture that shows the newest running task and its progress. */

import { box, button, byId } from "./dom.js";

export interface Task {
  /** Sets another text; hides the progress until the next update. */
  say(text: string): void;
  /** @param total undefined if unknown. */
  progress(loaded: number, total: number | undefined): void;
}

interface Shown {
  text: string;
  progress: { readonly loaded: number; readonly total: number | undefined } | undefined;
  readonly cancel: (() => void) | undefined;
}

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);

export class Busy {
  private readonly tasks: Shown[] = [];

  constructor() {
    button("cancel").addEventListener("click", () => this.tasks.at(-1)?.cancel?.());
  }

  /** Shows a task while `work` runs. @param cancel offered to the visitor as a button. */
  async during<T>(text: string, work: (task: Task) => Promise<T>, cancel?: () => void): Promise<T> {
    const shown: Shown = { text, progress: undefined, cancel };
    this.tasks.push(shown);
    this.show();
    try {
      return await work({
        say: (next) => {
          Object.assign(shown, { text: next, progress: undefined });
          this.show();
        },
        progress: (loaded, total) => {
          shown.progress = { loaded, total };
          this.show();
        },
      });
    } finally {
      this.tasks.splice(this.tasks.indexOf(shown), 1);
      this.show();
    }
  }

  private show(): void {
    const task = this.tasks.at(-1);
    box("busy").hidden = task === undefined;
    if (!task) return;
    const { text, progress, cancel } = task;
    box("busy-text").textContent = text;
    button("cancel").hidden = cancel === undefined;
    const bar = byId("progress", HTMLProgressElement);
    bar.hidden = progress === undefined;
    box("busy-bytes").textContent = "";
    if (!progress) return;
    const { loaded, total } = progress;
    if (total === undefined) bar.removeAttribute("value");
    else bar.value = loaded / total;
    box("busy-bytes").textContent =
      total === undefined ? `${megabytes(loaded)} MB` : `${megabytes(loaded)} of ${megabytes(total)} MB`;
  }
}
