/** Results of pictures: shown at once, or with their objects blurred. */

import type { Result } from "yolov5-ts";
import type { View } from "../settings/view.js";
import type { Layers, Stage } from "../stage.js";
import { type Frame, Frames } from "./frames.js";

export class Stills {
  private readonly frames = new Frames();
  private shown: Frame | undefined;
  private run = 0;

  constructor(
    private readonly stage: Stage,
    private readonly view: View,
  ) {}

  /** Passes on what lies on the picture; of calls that overlap, only the newest. */
  async show(result: Result | undefined, pass: (layers: Layers) => void): Promise<void> {
    const run = ++this.run;
    const { look } = this.view;
    if (!result || !look.blur) return pass({});
    const { blurPicture } = await import("./pixels.js");
    if (run !== this.run) return;
    this.frames.release(this.shown);
    this.shown = this.frames.copy(this.stage.picture);
    blurPicture(this.shown, result, look);
    pass({ frame: this.shown.canvas });
  }

  /** Nothing that is under way is shown. */
  drop(): void {
    this.run++;
  }
}
