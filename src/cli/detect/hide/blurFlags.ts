/** `--blur`, `--redact`: which objects are hidden, and which other files may be written. */

import { OBSCURE_STYLES } from "../../../image/obscure.js";
import { BLUR_SHAPES } from "../../../solutions/blur/blur.js";
import type { BlurOptions } from "../../../solutions/blur/index.js";
import { UsageError } from "../../errors.js";
import type { DetectFlags } from "../../options/flags.js";
import { optionName } from "../../options/unavailable.js";

/** Options that would show or list hidden objects. */
const NOT_REDACTED = [
  ...(["nosave", "saveTxt", "saveCrop", "heatmap"] as const),
  ...(["saveCoco", "saveVoc", "saveCvat", "saveLabelstudio"] as const),
];

/** What is hidden in a picture; undefined: nothing. */
export type HiddenParts = Required<Pick<BlurOptions, "style" | "shape">> & Pick<BlurOptions, "classes">;

/** Checked before a model is loaded. @throws UsageError. */
export function checkBlurFlags(flags: DetectFlags): void {
  const how = (["blurStyle", "blurShape"] as const).find((name) => flags[name] !== undefined);
  if (how !== undefined && flags.blur === undefined && !flags.redact) {
    throw new UsageError(`${optionName(how)} says how objects are hidden; add --blur or --redact`);
  }
  if (flags.redact) {
    const other = NOT_REDACTED.find((name) => flags[name]);
    if (other !== undefined) {
      throw new UsageError(`--redact writes nothing but the redacted file; leave out ${optionName(other)}`);
    }
    return;
  }
  if (flags.blur !== undefined && flags.nosave && flags.live === undefined) {
    throw new UsageError(
      "--blur changes the pictures that are written, and --nosave writes none; leave out one of them",
    );
  }
}

/**
 * @param names of the model's classes.
 * @throws UsageError for a class that the model does not know or that is not looked for.
 */
export function hiddenParts(flags: DetectFlags, task: string, names: readonly string[]): HiddenParts | undefined {
  const { blur, redact, blurStyle: style = OBSCURE_STYLES[0], blurShape: shape = BLUR_SHAPES[0] } = flags;
  if (blur === undefined && !redact) return undefined;
  if (task === "classify") {
    throw new UsageError(
      `${redact ? "--redact" : "--blur"} needs boxes, and a classification model finds none; use a detection or segmentation model`,
    );
  }
  if (blur === undefined || blur === true) return { classes: flags.classes, style, shape };
  const classes = [...new Set(blur.flatMap((word) => classIndices(word, names)))];
  const unseen = classes.find((index) => flags.classes?.includes(index) === false);
  if (unseen !== undefined) {
    throw new UsageError(`--blur ${names[unseen]}: --classes leaves this class (${unseen}) out; add it there`);
  }
  return { classes, style, shape };
}

/** `0`, `person`, `0,person`. */
function classIndices(word: string, names: readonly string[]): number[] {
  // A name may have a comma.
  if (names.includes(word)) return [names.indexOf(word)];
  return word.split(",").map((part) => {
    const name = part.trim();
    const index = names.indexOf(name);
    if (index >= 0) return index;
    if (/^\d+$/.test(name) && Number(name) < names.length) return Number(name);
    const known = names.slice(0, 10).join(", ") + (names.length > 10 ? ", …" : "");
    throw new UsageError(
      `--blur ${name}: is not a class of this model; give names or indices (0 to ${names.length - 1}): ${known}`,
    );
  });
}
