/** `--weights a.pt photo.jpg`: an option that takes several words took one that was meant for another. */

import { stat } from "node:fs/promises";
import { shownAddress } from "../../api/address.js";
import { isGlob } from "../../node/files/glob.js";
import { isPictureName } from "../../node/files/pictureEndings.js";
import { hasVideoEnding, isStreamAddress } from "../../node/video/input.js";
import { UsageError } from "../errors.js";

/** Names that no checkpoint has: pictures, videos, lists and descriptions, globs, cameras. */
function isNoModel(word: string): boolean {
  if (/^(?:random:|data:)/i.test(word)) return false;
  if (isStreamAddress(word)) return true;
  const name = /^https?:/i.test(word) ? word.replace(/[?#].*$/, "") : word;
  return isPictureName(name) || hasVideoEnding(name) || /\.(?:txt|ya?ml|csv)$/i.test(name) || /^\d+$/.test(name);
}

/**
 * The sentence for a word that was taken for a model.
 * @param option that takes such words in this command: `--source`, `--data`.
 */
function strayText(weights: readonly string[], stray: string, option: string): string {
  const models = weights.filter((word) => word !== stray && !isNoModel(word)).map(shownAddress);
  const shown = shownAddress(stray);
  const mended = models.length > 0 ? `: --weights ${models.join(" ")} ${option} ${shown}` : "";
  return `--weights takes every word up to the next option: ${shown} was taken for a model; give it with ${option}${mended}`;
}

/** That sentence where a word is no model by its name. */
export function strayWord(weights: readonly string[], option: string): string | undefined {
  const stray = weights.find(isNoModel);
  return stray === undefined ? undefined : strayText(weights, stray, option);
}

/**
 * Looks for pictures, videos and folders of them among the words of `--weights`.
 * @throws UsageError.
 */
export async function checkWeightWords({
  weights = [],
  source,
}: {
  readonly weights?: readonly string[];
  readonly source?: readonly string[];
}): Promise<void> {
  // One word beside a --source is meant as a model, whatever its name; its contents tell.
  if (source !== undefined && weights.length < 2) return;
  const named = strayWord(weights, "--source");
  if (named !== undefined) throw new UsageError(named);
  // A folder or glob after the models, where no --source follows, can only be the source.
  if (source !== undefined) return;
  for (const word of weights.slice(1)) {
    const found = await stat(word).catch(() => undefined);
    if (found?.isDirectory() || (!found && isGlob(word))) {
      throw new UsageError(strayText(weights, word, "--source"));
    }
  }
}
