/** The button that records the annotated video and saves it. */

import { button, showError } from "../dom.js";
import { download } from "../save.js";
import type { Stage } from "../stage.js";
import { canRecord, Recorder } from "./recorder.js";

/** The encoder needs a moment for the last frame. */
const LAST_MS = 200;

const clock = (seconds: number): string =>
  `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

export class RecordButton {
  private readonly recorder = new Recorder();
  private ending = false;

  /** @param onStart called when frames are needed that fit their results. */
  constructor(
    private readonly stage: Stage,
    onStart: () => void,
  ) {
    button("record").addEventListener("click", () => {
      if (this.active) return this.stop();
      try {
        this.recorder.start();
        onStart();
      } catch (error) {
        showError(error);
      }
      this.show();
    });
  }

  get active(): boolean {
    return this.recorder.active;
  }

  /** @param video whether there is something to record. */
  offer(video: boolean): void {
    button("record").hidden = !(video && canRecord());
  }

  /** Adds what the stage shows. */
  add(): void {
    this.recorder.add((canvas) => this.stage.compose(canvas));
    if (this.ending) setTimeout(() => this.stop(), LAST_MS);
    this.ending = false;
  }

  /** The video came to its end: what is shown next is its last frame. */
  finish(): void {
    this.ending = this.active;
  }

  /** Ends the recording and saves it. */
  stop(): void {
    this.ending = false;
    if (!this.active) return;
    const stopping = this.recorder.stop();
    this.show();
    stopping.then((file) => {
      if (file) download(file.blob, `yolov5.${file.extension}`);
    }, showError);
  }

  show(): void {
    const { active } = this;
    const record = button("record");
    record.ariaPressed = String(active);
    record.textContent = active ? `Stop ${clock(this.recorder.seconds)}` : "Record";
  }
}
