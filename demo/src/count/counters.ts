/** The library's counters at the figures that the visitor has drawn, and what they counted over time. */

import type { Result } from "yolov5-ts";
import { type Figure, LineCounter, Zone } from "yolov5-ts/solutions";
import { type DrawnFigure, PICTURE_COLORS } from "./figures.js";

/** One value of a figure at a time of the video. */
export interface Sample {
  /** Seconds. */
  readonly time: number;
  readonly value: number;
}

/** What the panel shows of a figure. */
export interface Counted {
  /** `3 in · 1 out`. */
  readonly text: string;
  /** Lines: crossings in both directions; zones: how many are inside. A sample for every change. */
  readonly samples: readonly Sample[];
}

interface Counter {
  readonly drawn: DrawnFigure;
  readonly size: string;
  readonly counter: LineCounter | Zone;
  readonly samples: Sample[];
}

/** Older changes are forgotten: a camera may run for days. */
const MOST_SAMPLES = 2000;

export class Counters {
  private counters: Counter[] = [];
  /** Time of the last frame, and of the first. */
  private now = 0;
  private first: number | undefined;

  /** Figures that did not change go on counting. @param picture its size in pixels. */
  set(drawn: readonly DrawnFigure[], picture: readonly [width: number, height: number]): void {
    const size = picture.join("×");
    this.counters = drawn.map(
      (figure) =>
        this.counters.find((one) => one.drawn === figure && one.size === size) ?? {
          drawn: figure,
          size,
          counter: counterOf(figure, picture),
          samples: [],
        },
    );
  }

  /** Another video, or the same one from its beginning. */
  reset(): void {
    this.now = 0;
    this.first = undefined;
    for (const { counter, samples } of this.counters) {
      counter.reset();
      samples.length = 0;
    }
  }

  /** The next frame. @param time in seconds. */
  update(result: Result, time: number): void {
    if (result.task === "classify") return;
    this.now = time;
    this.first ??= time;
    for (const { counter, samples } of this.counters) {
      counter.update(result.detections, { time });
      const value = totalOf(counter);
      if (samples.at(-1)?.value === value) continue;
      samples.push({ time, value });
      if (samples.length > MOST_SAMPLES) samples.shift();
    }
  }

  /** For drawing, with their counts. */
  get figures(): Figure[] {
    return this.counters.map(({ counter }, i) => ({
      ...counter.figure,
      color: PICTURE_COLORS[i % PICTURE_COLORS.length],
    }));
  }

  get counted(): Counted[] {
    return this.counters.map(({ counter, samples }) => ({ text: textOf(counter), samples }));
  }

  /** First and last time of what was counted, in seconds. */
  get span(): readonly [from: number, to: number] {
    return [this.first ?? this.now, this.now];
  }
}

function counterOf(
  { kind, name, corners }: DrawnFigure,
  [width, height]: readonly [number, number],
): LineCounter | Zone {
  const points = corners.map(({ x, y }) => [x * width, y * height] as const);
  return kind === "line" ? new LineCounter(points[0], points[1], { name }) : new Zone(points, { name });
}

function totalOf(counter: LineCounter | Zone): number {
  if (counter instanceof Zone) return counter.totals.occupancy;
  return counter.totals.in + counter.totals.out;
}

function textOf(counter: LineCounter | Zone): string {
  if (counter instanceof LineCounter) return `${counter.totals.in} in · ${counter.totals.out} out`;
  const { occupancy, entries } = counter.totals;
  const { dwell } = counter.counts;
  const stay = dwell === undefined ? "" : ` · ${dwell.mean.toFixed(1)} s on average`;
  return `${occupancy} inside · ${entries} entered${stay}`;
}
