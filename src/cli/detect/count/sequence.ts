/** The frames of a video, or pictures in order: `--track`, and counting on the tracks. */

import type { RgbImage } from "../../../image/index.js";
import type { Task } from "../../../yolov5/checkpoint/modelInfo.js";
import type { Result } from "../../../yolov5/model.js";
import type { DetectFlags } from "../../options/flags.js";
import { type Followed, Follower } from "../follow.js";
import type { Extras } from "../work/finish.js";
import type { Counts } from "./counts.js";
import { Scene, type SceneEvent } from "./scene.js";

/** A frame's result with IDs and speeds, its events, and additional drawing. */
export interface SequenceFrame extends Extras {
  readonly result: Result;
  readonly events: readonly SceneEvent[];
}

/** The tracker of a run: the user's choice, or the default one if counting needs IDs. */
export function trackerOf({ track, line, zone, ground }: DetectFlags): DetectFlags["track"] {
  return track ?? (line || zone || ground ? "bytetrack" : undefined);
}

/** Whether something is counted or coloured. */
export function counts({ line, zone, ground, heatmap }: DetectFlags): boolean {
  return (line ?? zone ?? ground ?? heatmap) !== undefined;
}

export class Sequence {
  private readonly follower: Follower | undefined;
  private readonly scene: Scene | undefined;

  /**
   * @param about `hidden`: whether objects are hidden; `bridged`: also in frames in which they are not found.
   */
  constructor(
    flags: DetectFlags,
    { task, hidden, bridged }: { readonly task: Task; readonly hidden: boolean; readonly bridged: boolean },
    onWarning: (text: string) => void,
  ) {
    const track = trackerOf(flags);
    const scene = Scene.of(flags, !hidden, onWarning);
    if (task === "classify") {
      if (scene) onWarning("--line, --zone, --ground and --heatmap need boxes; ignored for classification");
      return;
    }
    this.scene = scene;
    this.follower = track || bridged ? new Follower(track ? { ...flags, track } : flags) : undefined;
  }

  /** Whether results must come here in the order of their frames. */
  get ordered(): boolean {
    return this.follower !== undefined || this.scene !== undefined;
  }

  /** The threshold for the network; undefined: the user's own. */
  get networkConf(): number | undefined {
    return this.follower?.networkConf;
  }

  /** IDs assigned in the current video; undefined without tracking. */
  get tracks(): number | undefined {
    return this.follower?.count;
  }

  /** IDs assigned in the whole run. */
  get runTracks(): number | undefined {
    return this.follower?.runTotal;
  }

  /** The counts of the current video; undefined if nothing is counted. */
  get counts(): Counts | undefined {
    return this.scene?.counts;
  }

  get runCounts(): Counts | undefined {
    return this.scene?.runCounts;
  }

  /** The heat map of the current video over its first frame. */
  heatPicture(): RgbImage | undefined {
    return this.scene?.heatPicture();
  }

  /** Lines of text for the run's counts. */
  countLines(): string[] {
    return this.scene?.lines() ?? [];
  }

  /** Starts over for the next run; IDs go on. */
  begin(): void {
    this.restart();
    this.scene?.forget();
  }

  /** Starts over for the next video. */
  restart(): void {
    this.follower?.restart();
    this.scene?.restart();
  }

  /** The next frame of a video. */
  follow(plain: Result): Followed {
    return this.follower?.follow(plain) ?? { result: plain, trails: [], tracked: plain, lost: [] };
  }

  /**
   * Counts in a frame after tracking.
   * @param image its pixels before anything is drawn on them.
   */
  count({ result, trails }: Pick<Followed, "result" | "trails">, image: RgbImage): SequenceFrame {
    const counted = this.scene?.take(result, image);
    return counted ? { ...counted, trails } : { result, trails, events: [] };
  }

  /** Both, for a picture. */
  takePicture(plain: Result, image: RgbImage): SequenceFrame {
    return this.count(this.follower?.followPicture(plain) ?? { result: plain, trails: [] }, image);
  }
}
