/** Shows results: on the stage, in the list, with their times; and saves what is shown. */

import type { Result } from "yolov5-ts";
import type { Counting } from "./count/counting.js";
import { box, showError } from "./dom.js";
import type { ModelChooser } from "./modelChooser.js";
import { showResult, showTimes } from "./panels.js";
import { copyText, download, json, labelText } from "./save.js";
import type { View } from "./settings/view.js";
import type { Layers, Stage } from "./stage.js";
import type { Shown } from "./video/live.js";
import type { Player } from "./video/player.js";
import type { RecordButton } from "./video/recordButton.js";
import { Stills } from "./video/stills.js";

/** A list that changes with every frame of a video can be neither read nor clicked. */
const LIST_MS = 200;

export interface ShowingParts {
  readonly stage: Stage;
  readonly view: View;
  readonly counting: Counting;
  readonly recording: RecordButton;
  readonly player: Player;
  readonly chooser: ModelChooser;
}

export class Showing {
  private readonly stills: Stills;
  private result: Result | undefined;
  private listed = 0;

  constructor(private readonly parts: ShowingParts) {
    this.stills = new Stills(parts.stage, parts.view);
  }

  /** The picture's result; undefined: none yet. */
  still(result: Result | undefined): void {
    this.stills.show(result, (layers) => this.show(result, undefined, layers)).catch(showError);
  }

  /** The picture's result once more, for it is to look otherwise. */
  again(): void {
    if (this.result) this.still(this.result);
  }

  /** A video whose first result is awaited. */
  nothing(): void {
    this.stills.drop();
    this.show(undefined, undefined, {});
  }

  frame({ result, trails, frame }: Shown, fps: number | undefined): void {
    const { figures } = this.parts.counting;
    this.show(result, fps, { trails, figures, frame: frame?.canvas });
    this.parts.recording.add();
  }

  async copy(): Promise<void> {
    if (!this.result) return;
    const text = json(this.result);
    if (!(await copyText("copy", text))) download(new Blob([text], { type: "application/json" }), "yolov5.json");
  }

  async savePicture(): Promise<void> {
    download(await this.parts.stage.toPng(), "yolov5.png");
  }

  async saveLabels(): Promise<void> {
    if (this.result) download(new Blob([labelText(this.result)], { type: "text/plain" }), "yolov5.txt");
  }

  private show(result: Result | undefined, fps: number | undefined, layers: Layers): void {
    const { stage, chooser, counting, recording, view, player } = this.parts;
    const draw = stage.setResult(result, { ...layers, theme: view.theme });
    const now = performance.now();
    const due = fps === undefined || now - this.listed > LIST_MS;
    this.result = result;
    if (due) {
      this.listed = now;
      showResult(result, view.theme, (index) => stage.highlight(index));
      showTimes(result, draw, fps);
      chooser.show();
      counting.show();
      recording.show();
      view.showWindows(result && result.task !== "classify" ? result.slices : undefined);
    }
    // A screen reader could never keep up with a video.
    box("summary").ariaLive = player.active ? "off" : "polite";
    box("warning").textContent = "";
  }
}
