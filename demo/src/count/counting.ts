/** Lines and zones of the page: drawn on the picture, listed with their counts, counted on the frames of a video. */

import type { Result } from "yolov5-ts";
import type { Figure } from "yolov5-ts/solutions";
import { box, button, byId, create, showError } from "../dom.js";
import { copyText } from "../save.js";
import { Chart } from "./chart.js";
import type { Counters } from "./counters.js";
import {
  argumentsOf,
  type Corner,
  type DrawnFigure,
  figureColor,
  freeName,
  MOST_FIGURES,
  usableName,
} from "./figures.js";
import { Sketch } from "./sketch.js";

type Kind = DrawnFigure["kind"];

/** Where a figure is put that the keyboard asks for. */
const MIDDLE: Readonly<Record<Kind, readonly Corner[]>> = {
  line: [
    { x: 0.5, y: 0.1 },
    { x: 0.5, y: 0.9 },
  ],
  zone: [
    { x: 0.3, y: 0.2 },
    { x: 0.7, y: 0.2 },
    { x: 0.7, y: 0.8 },
    { x: 0.3, y: 0.8 },
  ],
};
const HINTS = {
  none: "Draw a line that objects cross, or a zone that they enter.",
  line: "Drag across the picture. The arrow shows the direction that counts as in. Esc ends it.",
  zone: "Drag a rectangle on the picture; you can move its corners afterwards. Esc ends it.",
} as const;

export class Counting {
  private drawn: readonly DrawnFigure[] = [];
  private selected: number | undefined;
  private counters: Counters | undefined;
  private size: readonly [number, number] = [0, 0];
  private readonly chart = new Chart(byId("chart", SVGSVGElement));
  private readonly sketch = new Sketch({
    onDrawn: (kind, corners) => this.add(kind, corners),
    onChanged: (corners) => {
      const at = this.selected ?? 0;
      this.change(this.drawn.map((figure, i) => (i === at ? { ...figure, corners } : figure)));
    },
    onMode: (drawing) => this.showMode(drawing),
    onLeave: () => this.select(undefined),
  });

  /** @param onChange figures were added, moved or removed. */
  constructor(private readonly onChange: () => void) {
    for (const kind of ["line", "zone"] as const) {
      button(`draw-${kind}`).addEventListener("click", ({ detail, currentTarget }) => {
        const pressed = currentTarget instanceof Element && currentTarget.ariaPressed === "true";
        if (pressed) this.sketch.cancel();
        // Without a pointer: the arrow keys move its corners.
        else if (detail === 0) this.add(kind, MIDDLE[kind], 0);
        else this.sketch.begin(kind);
      });
    }
    button("count-copy").addEventListener("click", () => void copyText("count-copy", argumentsOf(this.drawn)));
    button("count-again").addEventListener("click", () => this.restart());
  }

  get figuresDrawn(): readonly DrawnFigure[] {
    return this.drawn;
  }

  get active(): boolean {
    return this.drawn.length > 0 && !box("count").hidden;
  }

  /** For drawing, with their counts. */
  get figures(): readonly Figure[] {
    return this.active ? (this.counters?.figures ?? []) : [];
  }

  /** @param shown whether there are frames with boxes to count. */
  forVideo(shown: boolean): void {
    box("count").hidden = !shown;
    box("sketch").hidden = !shown;
    if (!shown) this.sketch.cancel();
    this.select(undefined);
    this.onChange();
  }

  /** Replaces all figures. */
  set(figures: readonly DrawnFigure[]): void {
    this.select(undefined);
    this.change(figures.slice(0, MOST_FIGURES));
    this.list();
    this.show();
  }

  /** Counts in a frame. @param time in seconds. */
  update(result: Result, time: number): void {
    if (!this.active) return;
    if (result.width !== this.size[0] || result.height !== this.size[1]) {
      this.size = [result.width, result.height];
      this.place();
    }
    this.counters?.update(result, time);
  }

  /** Counts from 0 again. */
  restart(): void {
    this.counters?.reset();
    this.onChange();
    this.show();
  }

  /** Shows the counts. */
  show(): void {
    const { counters } = this;
    if (!counters || !this.active) return;
    const { counted } = counters;
    for (const [i, text] of [...box("count-list").querySelectorAll(".counted")].entries()) {
      text.textContent = counted[i]?.text ?? "";
    }
    const names = this.drawn.map(({ name }) => name);
    if (counted.length === names.length) this.chart.show(names, counted, counters.span);
  }

  private add(kind: Kind, corners: readonly Corner[], focus?: number): void {
    if (this.drawn.length >= MOST_FIGURES) return;
    this.change([...this.drawn, { kind, name: freeName(kind, this.drawn), corners }]);
    this.select(this.drawn.length - 1, focus);
  }

  private change(drawn: readonly DrawnFigure[]): void {
    const rows = drawn.length !== this.drawn.length;
    this.drawn = drawn;
    if (rows) this.list();
    this.place();
    if (!this.counters && drawn.length > 0) void this.begin();
    this.onChange();
    this.show();
  }

  /** The counters come with the first figure. */
  private async begin(): Promise<void> {
    const loading = import("./counters.js").catch((error) => {
      showError(
        new Error("The code for counting could not be fetched. Check the connection and try again.", { cause: error }),
      );
    });
    const loaded = await loading;
    if (!loaded) return;
    this.counters ??= new loaded.Counters();
    this.place();
    this.onChange();
    this.show();
  }

  /** The counters stand in pixels: they wait for the first frame. */
  private place(): void {
    if (this.size[0] > 0) this.counters?.set(this.drawn, this.size);
  }

  private select(index: number | undefined, focus?: number): void {
    this.selected = index;
    this.sketch.select(index === undefined ? undefined : this.drawn[index], focus);
    for (const [i, row] of [...box("count-list").children].entries()) row.classList.toggle("selected", i === index);
  }

  private list(): void {
    box("count-list").replaceChildren(...this.drawn.map((figure, index) => this.row(figure, index)));
    const empty = this.drawn.length === 0;
    for (const id of ["chart", "count-buttons"]) byId(id, Element).toggleAttribute("hidden", empty);
    for (const kind of ["line", "zone"]) button(`draw-${kind}`).disabled = this.drawn.length >= MOST_FIGURES;
    this.showMode(undefined);
  }

  private row({ kind }: DrawnFigure, index: number): HTMLLIElement {
    const swatch = create("span", { className: `swatch ${kind}` });
    swatch.style.background = figureColor(index);
    const field = create("input", { type: "text", autocomplete: "off" });
    const remove = create("button", { type: "button", className: "quiet" }, "✕");
    const label = (): void => {
      const { name } = this.drawn[index];
      field.value = name;
      field.ariaLabel = `Name of ${name}`;
      remove.ariaLabel = `Remove ${name}`;
    };
    label();
    field.addEventListener("focus", () => this.select(index));
    // In place: the keyboard's focus is in this row.
    field.addEventListener("change", () => {
      this.rename(index, field.value);
      label();
    });
    remove.addEventListener("click", () => {
      this.select(undefined);
      this.change(this.drawn.toSpliced(index, 1));
    });
    return create("li", {}, swatch, field, create("span", { className: "counted" }), remove);
  }

  /** A name that cannot be used changes nothing. */
  private rename(index: number, text: string): void {
    const name = usableName(text);
    // Counts are told apart by their names.
    if (name === undefined || this.drawn.some((other) => other.name === name)) return;
    this.change(this.drawn.with(index, { ...this.drawn[index], name }));
    if (this.selected === index) this.select(index);
  }

  private showMode(drawing: Kind | undefined): void {
    for (const kind of ["line", "zone"] as const) button(`draw-${kind}`).ariaPressed = String(drawing === kind);
    const hint = box("count-hint");
    hint.textContent = HINTS[drawing ?? "none"];
    hint.hidden = drawing === undefined && this.drawn.length > 0;
  }
}
