/** `--line`, `--zone`, `--ground`, `--heatmap`: counting in the frames of a video, or in pictures in order. */

import type { Figure, RgbImage } from "../../../image/index.js";
import { Heatmap } from "../../../solutions/counting/heatmap.js";
import { LineCounter, type LineEvent } from "../../../solutions/counting/lineCounter.js";
import { Speedometer } from "../../../solutions/counting/speedometer.js";
import { Zone, type ZoneEvent } from "../../../solutions/counting/zone.js";
import { pointsOf, touches } from "../../../solutions/geometry.js";
import type { Result } from "../../../yolov5/model.js";
import { figureNames } from "../../options/figures.js";
import type { DetectFlags } from "../../options/flags.js";
import { TRACK_BUFFER } from "../follow.js";
import { addCounts, type Counts, lineOfCounts } from "./counts.js";

type SceneFlags = Pick<
  DetectFlags,
  "line" | "zone" | "ground" | "heatmap" | "heatmapHalfLife" | "anchor" | "trackBuffer"
>;

export type SceneEvent = LineEvent | ZoneEvent;

/** The events in a frame, and how they are drawn. */
export interface SceneFrame {
  readonly result: Result;
  readonly events: readonly SceneEvent[];
  readonly figures: readonly Figure[];
  readonly speedUnit: string | undefined;
  /** Drawn below everything else. */
  readonly under: ((image: RgbImage) => void) | undefined;
}

/** The counters of one video, for pictures of one size. */
interface Counters {
  readonly lines: readonly LineCounter[];
  readonly zones: readonly Zone[];
  readonly speedometer: Speedometer | undefined;
  readonly heatmap: Heatmap | undefined;
  /** Behind the heat map: the first frame. */
  readonly background: RgbImage | undefined;
}

export class Scene {
  private readonly flags: SceneFlags;
  private readonly showsPictures: boolean;
  private readonly onWarning: (text: string) => void;
  private counters: Counters | undefined;
  private before: Counts | undefined;
  private warned = false;

  /**
   * @param showsPictures whether a heat map may show the first frame; else it is on black.
   * @returns undefined if there is nothing to count.
   */
  static of(flags: SceneFlags, showsPictures: boolean, onWarning: (text: string) => void): Scene | undefined {
    const { line = [], zone = [], ground, heatmap } = flags;
    return line.length + zone.length > 0 || ground || heatmap ? new Scene(flags, showsPictures, onWarning) : undefined;
  }

  private constructor(flags: SceneFlags, showsPictures: boolean, onWarning: (text: string) => void) {
    this.flags = flags;
    this.showsPictures = showsPictures;
    this.onWarning = onWarning;
  }

  /** Of the current video or sequence of pictures; undefined before its first frame, and if nothing is counted. */
  get counts(): Counts | undefined {
    const { line = [], zone = [] } = this.flags;
    if (!this.counters || line.length + zone.length === 0) return undefined;
    const { lines, zones } = this.counters;
    return { lines: lines.map(({ counts }) => counts), zones: zones.map(({ counts }) => counts) };
  }

  /** Of the whole run. */
  get runCounts(): Counts | undefined {
    return addCounts(this.before, this.counts);
  }

  /** The heat map, over the first frame of the video. */
  heatPicture(): RgbImage | undefined {
    const { heatmap, background } = this.counters ?? {};
    return background ? heatmap?.overlay(background) : heatmap?.image();
  }

  /** Starts over for the next video. */
  restart(): void {
    this.before = this.runCounts;
    this.counters = undefined;
  }

  /** Forgets the videos before. */
  forget(): void {
    this.before = undefined;
  }

  /** One line of text for each line and zone. */
  lines(): string[] {
    const counts = this.runCounts;
    return counts ? lineOfCounts(counts) : [];
  }

  /** @param image its pixels before anything is drawn on them. */
  take(plain: Result, image: RgbImage): SceneFrame {
    const { ground } = this.flags;
    this.counters ??= this.open(image);
    const { lines, zones, speedometer, heatmap } = this.counters;
    const boxes = plain.detections;
    const { time, frame } = plain;
    const events = [...lines, ...zones].flatMap((counter): readonly SceneEvent[] =>
      counter.update(boxes, { time, frame }),
    );
    const speeds = time === undefined ? undefined : speedometer?.update(boxes, { time });
    const fits = heatmap?.width === image.width && heatmap.height === image.height;
    if (heatmap && fits) heatmap.update(boxes, { time });
    else if (heatmap)
      this.warnOnce(`the heat map is for pictures of ${heatmap.width}×${heatmap.height} pixels; others are left out`);
    if (speedometer && time === undefined) this.warnOnce("--ground needs the times of a video; ignored for pictures");
    return {
      result: speeds && ground ? withSpeeds(plain, speeds, ground.factor) : plain,
      events,
      figures: [...zones, ...lines].map(({ figure }) => figure),
      speedUnit: ground?.unit,
      under: heatmap && fits ? (own) => void heatmap.overlay(own, { inPlace: true }) : undefined,
    };
  }

  private open(image: RgbImage): Counters {
    const { line = [], zone = [], ground, heatmap, heatmapHalfLife, anchor, trackBuffer } = this.flags;
    const [lineNames, zoneNames] = [figureNames(line, "line"), figureNames(zone, "zone")];
    const { width, height } = image;
    for (const [option, figures] of [
      ["--line", line],
      ["--zone", zone],
    ] as const) {
      for (const { numbers } of figures.filter((figure) => !touches(pointsOf(figure.numbers, image), image))) {
        this.onWarning(
          `${option} ${numbers.join()}: lies outside the picture of ${width}×${height} pixels, where there is nothing to count`,
        );
      }
    }
    return {
      lines: line.map(({ numbers }, i) => {
        const [from, to] = pointsOf(numbers, image);
        return new LineCounter(from, to, { name: lineNames[i], anchor });
      }),
      zones: zone.map(
        ({ numbers }, i) =>
          new Zone(pointsOf(numbers, image), { name: zoneNames[i], anchor, patience: trackBuffer ?? TRACK_BUFFER }),
      ),
      speedometer: ground && new Speedometer({ corners: pointsOf(ground.numbers, image), size: ground.size }),
      heatmap: heatmap ? new Heatmap({ width, height, anchor, halfLife: heatmapHalfLife }) : undefined,
      background: heatmap && this.showsPictures ? { width, height, data: image.data.slice() } : undefined,
    };
  }

  private warnOnce(text: string): void {
    if (!this.warned) this.onWarning(text);
    this.warned = true;
  }
}

function withSpeeds(result: Result, speeds: ReadonlyMap<number, number>, factor: number): Result {
  if (result.task === "classify") return result;
  const speedOf = ({ track }: { readonly track?: number | undefined }): { speed?: number } => {
    const speed = track === undefined ? undefined : speeds.get(track);
    return speed === undefined ? {} : { speed: speed * factor };
  };
  if (result.task === "segment") return result.map(speedOf);
  return result.task === "pose" ? result.map(speedOf) : result.map(speedOf);
}
