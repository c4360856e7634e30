/** Checks of the options of `detect` and `enqueue` before anything is read. */

import { UsageError } from "../errors.js";
import { figureNames } from "../options/figures.js";
import type { DetectFlags } from "../options/flags.js";
import { sliceOptions } from "../options/slices.js";
import { optionName, tellUnavailable, type Unavailable } from "../options/unavailable.js";
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

const tracks = (flags: DetectFlags): boolean => trackerOf(flags) !== undefined;
/** In videos, tracks show where hidden objects are. */
const follows = (flags: DetectFlags): boolean => tracks(flags) || flags.blur !== undefined || flags.redact === true;
const draws = ({ nosave, live, redact }: DetectFlags): boolean => (!nosave || live !== undefined) && !redact;

/** Options that only have an effect together with others. */
const DEPENDENT: readonly (readonly [
  name: keyof DetectFlags & string,
  needs: string,
  works: (flags: DetectFlags) => boolean,
])[] = [
  ["saveConf", "without --save-txt", ({ saveTxt }) => saveTxt === true],
  ["heatmapHalfLife", "without --heatmap", ({ heatmap }) => heatmap === true],
  ["anchor", "without --line, --zone, --ground or --heatmap", counts],
  ["trackAcrossClasses", "without --track", tracks],
  ["trackBuffer", "without --track", follows],
  ["theme", "when nothing is drawn", draws],
  ["lineThickness", "when nothing is drawn", draws],
  ["hideLabels", "when nothing is drawn", draws],
  ["hideConf", "when nothing is drawn", draws],
  ["font", "when nothing is drawn", draws],
];

/** @throws UsageError for options that are not available or exclude each other. */
export async function checkDetectFlags(flags: DetectFlags, output: Output): Promise<void> {
  tellUnavailable(flags, UNAVAILABLE, output);
  if ((flags.saveFormat ?? 0) > 0) {
    throw new UsageError(
      `--save-format ${flags.saveFormat}: only YOLO's format (0) is available; for boxes in pixels use --json`,
    );
  }
  for (const [name, needs, works] of DEPENDENT) {
    const given = flags[name] !== undefined && flags[name] !== false;
    if (given && !works(flags)) output.warn(`${optionName(name)} has no effect ${needs}`);
  }
  checkFigureNames(flags);
  sliceOptions(flags);
  checkBlurFlags(flags);
  checkLiveFlags(flags);
  await checkWeightWords(flags);
}

/** @throws UsageError for two lines or two zones that events and counts could not tell apart. */
function checkFigureNames({ line = [], zone = [] }: DetectFlags): void {
  for (const [what, figures] of [
    ["line", line],
    ["zone", zone],
  ] as const) {
    const names = figureNames(figures, what);
    const twice = names.find((name, i) => names.indexOf(name) !== i);
    if (twice !== undefined)
      throw new UsageError(`--${what}: two have the name "${twice}"; give each a name of its own`);
  }
}

/** @throws UsageError for figures of a whole run in a process that does only a part of it. */
export function refuseCounts(flags: DetectFlags, parts: "shards" | "jobs"): void {
  if (!counts(flags)) return;
  throw new UsageError(
    `--line, --zone, --ground and --heatmap count over all sources, which ${parts} split up; leave one of them out`,
  );
}
