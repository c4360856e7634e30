/** `--weights a.pt photo.jpg`: an option with several values swallowed one meant for another option. */

import { stat } from "node:fs/promises";
import { shownAddress } from "../../api/address.js";
import { isGlob } from "../../node/files/glob.js";
import { isPictureName } from "../../node/files/pictureEndings.js";
import { hasVideoEnding, isStreamAddress } from "../../node/video/input.js";
import { UsageError } from "../errors.js";

/** Names that cannot be checkpoints: pictures, videos, lists, YAML files, globs, cameras. */
function isNoModel(word: string): boolean {
  if (/^(?:random:|data:)/i.test(word)) return false;
  if (isStreamAddress(word)) return true;
  const name = /^https?:/i.test(word) ? word.replace(/[?#].*$/, "") : word;
  return isPictureName(name) || hasVideoEnding(name) || /\.(?:txt|ya?ml|csv)$/i.test(name) || /^\d+$/.test(name);
}

/**
 * The message for a value that was taken for a model.
 * @param option the option for such values in this command: `--source` or `--data`.
 */
function strayText(weights: readonly string[], stray: string, option: string): string {
  const models = weights.filter((word) => word !== stray && !isNoModel(word)).map(shownAddress);
  const shown = shownAddress(stray);
  const mended = models.length > 0 ? `: --weights ${models.join(" ")} ${option} ${shown}` : "";
  return `--weights takes every word up to the next option: ${shown} was taken for a model; pass it with ${option}${mended}`;
}

/** That message, if a word cannot be a model by its name. */
export function strayWord(weights: readonly string[], option: string): string | undefined {
  const stray = weights.find(isNoModel);
  return stray === undefined ? undefined : strayText(weights, stray, option);
}

/**
 * Looks for pictures, videos and folders among the values of `--weights`.
 * @throws UsageError.
 */
export async function checkWeightWords({
  weights = [],
  source,
}: {
  readonly weights?: readonly string[];
  readonly source?: readonly string[];
}): Promise<void> {
  // A single value given along with --source is meant as a model, whatever its name; its contents decide.
  if (source !== undefined && weights.length < 2) return;
  const named = strayWord(weights, "--source");
  if (named !== undefined) throw new UsageError(named);
  // A folder or glob after the models, without any --source, can only be the source.
  if (source !== undefined) return;
  for (const word of weights.slice(1)) {
    const found = await stat(word).catch(() => undefined);
    if (found?.isDirectory() || (!found && isGlob(word))) {
      throw new UsageError(strayText(weights, word, "--source"));
    }
  }
}
