/** What the flags of `detect`, which `enqueue` has too, rule out before anything is read. */

import { UsageError } from "../errors.js";
import type { DetectFlags } from "../options/flags.js";
import { sliceOptions } from "../options/slices.js";
import { tellUnavailable, type Unavailable } from "../options/unavailable.js";
import { checkWeightWords } from "../options/weightWords.js";
import type { Output } from "../output.js";
import { counts, trackerOf } from "./count/sequence.js";
import { checkBlurFlags } from "./hide/blurFlags.js";
import { checkLiveFlags } from "./live/liveFlags.js";

const UNAVAILABLE: readonly Unavailable<DetectFlags>[] = [
  ["visualize", "not available; the library's model.tap() returns the output of any layer", "refused"],
  ["saveCsv", "not available; use --json FILE or --ndjson FILE", "refused"],
  ["viewImg", "no window is opened; see the annotated pictures in the run's folder"],
  ["update", "there is nothing to update, checkpoints are read without running their code; ignored"],
  ["dnn", "applies only to OpenCV's ONNX reader; ignored"],
];

/** @throws UsageError for what is not available, or excludes something else. */
export async function checkDetectFlags(flags: DetectFlags, output: Output): Promise<void> {
  tellUnavailable(flags, UNAVAILABLE, output);
  if ((flags.saveFormat ?? 0) > 0) {
    throw new UsageError(
      `--save-format ${flags.saveFormat}: only YOLO's format (0) is available; for boxes in pixels use --json`,
    );
  }
  if (flags.saveConf && !flags.saveTxt) output.warn("--save-conf has no effect without --save-txt");
  if (flags.heatmapHalfLife !== undefined && !flags.heatmap) {
    output.warn("--heatmap-half-life has no effect without --heatmap");
  }
  if (flags.anchor !== undefined && !counts(flags)) {
    output.warn("--anchor has no effect without --line, --zone, --ground or --heatmap");
  }
  if (flags.trackAcrossClasses && trackerOf(flags) === undefined) {
    output.warn("--track-across-classes has no effect without --track");
  }
  sliceOptions(flags);
  checkBlurFlags(flags);
  checkLiveFlags(flags);
  await checkWeightWords(flags);
}

/** @throws UsageError for figures of a whole run, in a process that does a part of it. */
export function refuseCounts(flags: DetectFlags, parts: "shards" | "jobs"): void {
  if (!counts(flags)) return;
  throw new UsageError(
    `--line, --zone, --ground and --heatmap count over all sources, which ${parts} would cut; leave one of them out`,
  );
}
