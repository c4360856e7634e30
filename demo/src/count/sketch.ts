/** Draws lines and zones on the picture by dragging, and moves their corners by dragging or with the arrow keys. */

import { box, byId, create } from "../dom.js";
import { type Corner, type DrawnFigure, hasExtent, LEAST_CORNERS, withinPicture } from "./figures.js";

type Kind = DrawnFigure["kind"];

export interface SketchHandlers {
  readonly onDrawn: (kind: Kind, corners: readonly Corner[]) => void;
  /** A corner of the selected figure was moved, added or removed. */
  readonly onChanged: (corners: readonly Corner[]) => void;
  /** Drawing began or ended. */
  readonly onMode: (drawing: Kind | undefined) => void;
  /** The visitor is done with the selected figure. */
  readonly onLeave: () => void;
}

const ARROWS: Readonly<Record<string, readonly [number, number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};
/** Parts of the picture that an arrow key moves a corner by; with Shift. */
const [STEP, LONG_STEP] = [0.01, 0.05];

const rectangle = (a: Corner, b: Corner): Corner[] => [a, { x: b.x, y: a.y }, b, { x: a.x, y: b.y }];

export class Sketch {
  private readonly layer = box("sketch");
  private readonly band = byId("band", SVGPolylineElement);
  private drawing: Kind | undefined;
  private start: Corner | undefined;
  private selected: DrawnFigure | undefined;
  private handles: HTMLButtonElement[] = [];

  constructor(private readonly handlers: SketchHandlers) {
    this.layer.addEventListener("pointerdown", (event) => this.press(event));
    this.layer.addEventListener("pointermove", (event) => this.stretch(event));
    this.layer.addEventListener("pointerup", (event) => this.finish(event));
    this.layer.addEventListener("pointercancel", () => this.cancel());
    addEventListener("keydown", ({ key }) => {
      if (key !== "Escape") return;
      if (this.drawing) this.cancel();
      else if (this.selected) handlers.onLeave();
    });
    box("stage").addEventListener("pointerdown", ({ target }) => {
      if (this.selected && !this.drawing && target instanceof Node && !this.layer.contains(target)) handlers.onLeave();
    });
  }

  /** The next drag on the picture draws. */
  begin(kind: Kind): void {
    this.select(undefined);
    this.mode(kind);
  }

  cancel(): void {
    this.start = undefined;
    this.show([]);
    this.mode(undefined);
  }

  /** Shows the handles of a figure. @param focus the corner that gets the keyboard's focus. */
  select(figure: DrawnFigure | undefined, focus?: number): void {
    const before = this.selected;
    this.selected = figure;
    const same = before?.kind === figure?.kind && before?.corners.length === figure?.corners.length;
    if (!same || before?.name !== figure?.name) this.build();
    this.place();
    if (focus !== undefined) this.handles[focus]?.focus();
  }

  private mode(drawing: Kind | undefined): void {
    this.drawing = drawing;
    this.layer.classList.toggle("drawing", drawing !== undefined);
    this.handlers.onMode(drawing);
  }

  private at({ clientX, clientY }: PointerEvent): Corner {
    const { left, top, width, height } = this.layer.getBoundingClientRect();
    return { x: withinPicture((clientX - left) / width), y: withinPicture((clientY - top) / height) };
  }

  private press(event: PointerEvent): void {
    if (!this.drawing || event.button !== 0) return;
    event.preventDefault();
    this.layer.setPointerCapture(event.pointerId);
    this.start = this.at(event);
  }

  private stretch(event: PointerEvent): void {
    if (this.start) this.show(this.shape(this.start, this.at(event)));
  }

  private finish(event: PointerEvent): void {
    const { start, drawing: kind } = this;
    if (!start || !kind) return;
    const corners = this.shape(start, this.at(event));
    this.start = undefined;
    this.show([]);
    // A click without a drag: the visitor may try again.
    if (!hasExtent({ kind, name: "", corners })) return;
    this.mode(undefined);
    this.handlers.onDrawn(kind, corners);
  }

  private shape(start: Corner, end: Corner): Corner[] {
    return this.drawing === "zone" ? rectangle(start, end) : [start, end];
  }

  /** The figure that is being drawn. */
  private show(corners: readonly Corner[]): void {
    const closed = corners.length > 2 ? [...corners, corners[0]] : corners;
    this.band.setAttribute("points", closed.map(({ x, y }) => `${x * 1000},${y * 1000}`).join(" "));
  }

  /** A handle for each corner, and for a zone one in the middle of each side, which makes a corner there. */
  private build(): void {
    for (const handle of this.layer.querySelectorAll("button")) handle.remove();
    const { selected } = this;
    if (!selected) {
      this.handles = [];
      return;
    }
    const { kind, name, corners } = selected;
    this.handles = corners.map((_, i) => {
      const what = kind === "zone" ? `corner ${i + 1}` : i === 0 ? "start" : "end";
      const handle = create("button", { type: "button", className: "handle", ariaLabel: `${name}, ${what}` });
      handle.title = kind === "zone" ? "Drag, or use the arrow keys; Delete removes it" : "Drag, or use the arrow keys";
      this.movable(handle, i);
      return handle;
    });
    const middles = kind === "zone" ? corners.map((_, i) => this.middle(name, i)) : [];
    this.layer.append(...this.handles, ...middles);
  }

  private middle(name: string, side: number): HTMLButtonElement {
    const label = `${name}, new corner after corner ${side + 1}`;
    const handle = create("button", { type: "button", className: "handle middle", ariaLabel: label });
    handle.title = "Drag to add a corner";
    const insert = (): void => {
      const corners = this.selected?.corners ?? [];
      const [a, b] = [corners[side], corners[(side + 1) % corners.length]];
      this.change(corners.toSpliced(side + 1, 0, { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 }), side + 1);
    };
    handle.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      insert();
      // The drag goes on with the new corner.
      this.handles[side + 1]?.setPointerCapture(event.pointerId);
    });
    handle.addEventListener("click", ({ detail }) => {
      if (detail === 0) insert();
    });
    return handle;
  }

  private movable(handle: HTMLButtonElement, index: number): void {
    handle.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      handle.focus();
      handle.setPointerCapture(event.pointerId);
    });
    handle.addEventListener("pointermove", (event) => {
      if (handle.hasPointerCapture(event.pointerId)) this.move(index, this.at(event));
    });
    handle.addEventListener("keydown", (event) => {
      const corners = this.selected?.corners ?? [];
      const { key, shiftKey } = event;
      const arrow = ARROWS[key];
      if (arrow) {
        const step = shiftKey ? LONG_STEP : STEP;
        const { x, y } = corners[index];
        this.move(index, { x: withinPicture(x + arrow[0] * step), y: withinPicture(y + arrow[1] * step) });
      } else if (key === "Delete" || key === "Backspace") {
        const { kind } = this.selected ?? { kind: "line" };
        if (corners.length > LEAST_CORNERS[kind]) this.change(corners.toSpliced(index, 1), 0);
      } else return;
      event.preventDefault();
    });
  }

  private move(index: number, corner: Corner): void {
    const { selected } = this;
    if (!selected) return;
    const corners = selected.corners.with(index, corner);
    if (hasExtent({ ...selected, corners })) this.change(corners);
  }

  private change(corners: readonly Corner[], focus?: number): void {
    if (!this.selected) return;
    this.select({ ...this.selected, corners }, focus);
    this.handlers.onChanged(corners);
  }

  private place(): void {
    const corners = this.selected?.corners ?? [];
    const put = (handle: Element | undefined, { x, y }: Corner): void => {
      if (!(handle instanceof HTMLElement)) return;
      handle.style.left = `${x * 100}%`;
      handle.style.top = `${y * 100}%`;
    };
    const middles = this.layer.querySelectorAll(".middle");
    corners.forEach((corner, i) => {
      put(this.handles[i], corner);
      const next = corners[(i + 1) % corners.length];
      put(middles[i], { x: (corner.x + next.x) / 2, y: (corner.y + next.y) / 2 });
    });
  }
}
