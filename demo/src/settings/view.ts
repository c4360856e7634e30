/** Switches for what is done beside plain detection: slices, blurred objects, a heat map. */

import type { ThemeName, WorkerModel } from "yolov5-ts";
import type { ObscureStyle } from "yolov5-ts/solutions";
import { box, byId, input } from "../dom.js";
import type { Look } from "../video/pixels.js";
import type { LinkedState } from "./link.js";

type LinkedView = Pick<LinkedState, "slice" | "blur" | "heat" | "theme">;

export interface ViewHandlers {
  /** Frames are to look otherwise; the network need not run. */
  readonly onLook: () => void;
  /** The network must run again. */
  readonly onSlices: () => void;
}

/** Side of the windows at first. */
const SLICE = 480;
const THEMES = ["classic", "light", "dark", "high-contrast"] as const satisfies readonly ThemeName[];
export const BLURS = ["mosaic", "gaussian", "fill"] as const satisfies readonly ObscureStyle[];

export class View {
  private boxes = true;
  private masks = false;
  private video = false;

  constructor(handlers: ViewHandlers) {
    input("slices").addEventListener("change", () => {
      this.show();
      handlers.onSlices();
    });
    input("slice-size").addEventListener("input", () => this.show());
    input("slice-size").addEventListener("change", () => handlers.onSlices());
    for (const id of ["blur", "heat", "outlines", "theme"]) {
      box(id).addEventListener("change", () => {
        this.show();
        handlers.onLook();
      });
    }
    this.styles.addEventListener("change", () => handlers.onLook());
    this.reset();
  }

  get look(): Look {
    const on = this.boxes && input("blur").checked;
    const style = BLURS.find((one) => one === this.styles.value);
    return {
      blur: on ? style : undefined,
      outlines: this.masks && input("outlines").checked,
      heat: this.boxes && this.video && input("heat").checked,
    };
  }

  get theme(): ThemeName {
    return THEMES.find((one) => one === this.themes.value) ?? THEMES[0];
  }

  /** Side of the windows in picture pixels. */
  get slice(): number | undefined {
    return this.boxes && input("slices").checked ? input("slice-size").valueAsNumber : undefined;
  }

  /** Hides what does not apply to a model. */
  adopt({ task }: Pick<WorkerModel, "task">): void {
    this.boxes = task !== "classify";
    this.masks = task === "segment";
    this.show();
  }

  forVideo(video: boolean): void {
    this.video = video;
    this.show();
  }

  /** What differs from the defaults, for a link. */
  get state(): LinkedView {
    const { blur } = this.look;
    return {
      ...(this.slice === undefined ? {} : { slice: this.slice }),
      ...(blur === undefined ? {} : { blur }),
      ...(input("heat").checked ? { heat: true } : {}),
      ...(this.theme === THEMES[0] ? {} : { theme: this.theme }),
    };
  }

  apply({ slice, blur, heat, theme }: LinkedView): void {
    input("slices").checked = slice !== undefined;
    input("slice-size").valueAsNumber = slice ?? SLICE;
    const style = BLURS.find((one) => one === blur);
    input("blur").checked = style !== undefined;
    this.styles.value = style ?? BLURS[0];
    input("heat").checked = heat === true;
    this.themes.value = THEMES.find((one) => one === theme) ?? THEMES[0];
    this.show();
  }

  reset(): void {
    input("outlines").checked = true;
    this.apply({});
  }

  /** @param windows in the picture shown last. */
  showWindows(windows: number | undefined): void {
    box("slice-windows").textContent = windows === undefined || this.slice === undefined ? "" : windowsOf(windows);
  }

  private get themes(): HTMLSelectElement {
    return byId("theme", HTMLSelectElement);
  }

  private get styles(): HTMLSelectElement {
    return byId("blur-style", HTMLSelectElement);
  }

  private show(): void {
    box("slices-row").hidden = !this.boxes;
    box("slice-size-row").hidden = this.slice === undefined;
    box("slice-size-out").textContent = `${input("slice-size").value} px`;
    if (this.slice === undefined) this.showWindows(undefined);
    box("blur-row").hidden = !this.boxes;
    const blurs = this.look.blur !== undefined;
    box("blur-style-row").hidden = !blurs;
    box("outlines-row").hidden = !(blurs && this.masks);
    box("heat-row").hidden = !(this.boxes && this.video);
  }
}

const windowsOf = (count: number): string =>
  count === 1 ? "The picture is no larger than a slice." : `${count} slices and the whole picture.`;
