/** The sliders and checkboxes: their values, and whether a change needs the network or only the suppression. */

import type { Thresholds, WorkerModel } from "yolov5-ts";
import { box, button, create, input } from "../dom.js";
import type { LinkedState } from "./link.js";

const DEFAULTS = { conf: 0.25, iou: 0.45, "max-det": 1000, imgsz: 640 } as const;
type Slider = keyof typeof DEFAULTS;
const SLIDERS = Object.keys(DEFAULTS) as Slider[];

export interface SettingsHandlers {
  /** Thresholds changed: the raw outputs are still valid. */
  readonly onThresholds: () => void;
  /** Tracking was switched on or off. */
  readonly onTracking: () => void;
  /** The input size changed: the network must run again. */
  readonly onSize: () => void;
  /** Everything is as in the beginning. */
  readonly onReset: () => void;
}

export class Settings {
  private defaultSize: number = DEFAULTS.imgsz;
  private video = false;
  /** Whether the model finds boxes. */
  trackable = true;
  /** Counting follows objects, whether or not it was asked for. */
  private counting = false;
  private readonly handlers: SettingsHandlers;

  constructor(handlers: SettingsHandlers) {
    this.handlers = handlers;
    for (const name of SLIDERS) {
      input(name).addEventListener("input", () => {
        this.show(name);
        if (name !== "imgsz") handlers.onThresholds();
      });
    }
    // Runs for every step of the slider would only queue up.
    input("imgsz").addEventListener("change", () => handlers.onSize());
    input("agnostic").addEventListener("change", () => handlers.onThresholds());
    input("track").addEventListener("change", () => handlers.onTracking());
    button("classes-all").addEventListener("click", () => this.checkAll(true));
    button("classes-none").addEventListener("click", () => this.checkAll(false));
    button("reset").addEventListener("click", () => {
      this.reset();
      handlers.onReset();
    });
    this.reset();
  }

  get imgsz(): number {
    return input("imgsz").valueAsNumber;
  }

  get tracking(): boolean {
    return this.trackable && (this.counting || input("track").checked);
  }

  /** What differs from the defaults, for a link. */
  get state(): LinkedState {
    const { conf, iou, maxDet, agnostic, classes } = this.thresholds;
    return {
      ...(conf === DEFAULTS.conf || conf === undefined ? {} : { conf }),
      ...(iou === DEFAULTS.iou || iou === undefined ? {} : { iou }),
      ...(maxDet === DEFAULTS["max-det"] || maxDet === undefined ? {} : { maxDet }),
      ...(this.imgsz === this.defaultSize ? {} : { imgsz: this.imgsz }),
      ...(agnostic ? { agnostic } : {}),
      ...(classes ? { classes } : {}),
      ...(input("track").checked ? { track: true } : {}),
    };
  }

  /** Sets everything as a link has it; what it lacks gets its default. */
  apply({ conf, iou, maxDet, imgsz, agnostic, classes, track }: LinkedState): void {
    this.reset();
    const values = { conf, iou, "max-det": maxDet, imgsz };
    for (const name of SLIDERS) {
      const value = values[name];
      if (value === undefined) continue;
      input(name).valueAsNumber = value;
      this.show(name);
    }
    input("agnostic").checked = agnostic === true;
    input("track").checked = track === true;
    if (classes) for (const [i, item] of this.classBoxes().entries()) item.checked = classes.includes(i);
    this.showClasses();
  }

  /** @param counting whether objects are followed for lines and zones. */
  forCounting(counting: boolean): void {
    this.counting = counting;
    this.showTracking();
  }

  get thresholds(): Thresholds {
    const boxes = this.classBoxes();
    const kept = boxes.flatMap((item, index) => (item.checked ? [index] : []));
    return {
      conf: input("conf").valueAsNumber,
      iou: input("iou").valueAsNumber,
      maxDet: input("max-det").valueAsNumber,
      agnostic: input("agnostic").checked,
      ...(kept.length === boxes.length ? {} : { classes: kept }),
    };
  }

  /** Shows a model's size and classes, and hides what does not apply to it. */
  adopt({ names, task }: Pick<WorkerModel, "names" | "task">): void {
    const boxes = task !== "classify";
    for (const name of ["conf", "iou", "max-det"]) box(`${name}-row`).hidden = !boxes;
    const several = boxes && names.length > 1;
    box("agnostic-row").hidden = !several;
    box("classes").hidden = !several;
    this.trackable = boxes;
    this.showTracking();
    const list = box("class-list");
    for (const label of list.querySelectorAll("label")) label.remove();
    names.forEach((name) => {
      const check = create("input", { type: "checkbox", checked: true });
      check.addEventListener("change", () => this.classesChanged());
      list.append(create("label", {}, check, name));
    });
    this.defaultSize = task === "classify" ? 224 : DEFAULTS.imgsz;
    input("imgsz").valueAsNumber = this.defaultSize;
    this.show("imgsz");
    this.showClasses();
  }

  /** Tracking needs consecutive frames. */
  forVideo(video: boolean): void {
    this.video = video;
    this.showTracking();
  }

  private showTracking(): void {
    // Nothing to choose while objects are counted.
    box("track-row").hidden = !(this.video && this.trackable) || this.counting;
  }

  private reset(): void {
    for (const name of SLIDERS) {
      input(name).valueAsNumber = name === "imgsz" ? this.defaultSize : DEFAULTS[name];
      this.show(name);
    }
    input("agnostic").checked = false;
    input("track").checked = false;
    for (const item of this.classBoxes()) item.checked = true;
    this.showClasses();
  }

  private classBoxes(): HTMLInputElement[] {
    return [...box("class-list").querySelectorAll("input")];
  }

  private checkAll(checked: boolean): void {
    for (const item of this.classBoxes()) item.checked = checked;
    this.classesChanged();
  }

  private classesChanged(): void {
    this.showClasses();
    this.handlers.onThresholds();
  }

  private showClasses(): void {
    const boxes = this.classBoxes();
    const kept = boxes.filter((item) => item.checked).length;
    box("classes-state").textContent = kept === boxes.length ? `all ${kept}` : `${kept} of ${boxes.length}`;
  }

  private show(name: Slider): void {
    const { value, valueAsNumber } = input(name);
    box(`${name}-out`).textContent =
      name === "imgsz" ? `${value} px` : name === "max-det" ? value : valueAsNumber.toFixed(2);
  }
}
