/** `--live`, `--record`: what they go with. */

import { UsageError } from "../../errors.js";
import type { DetectFlags } from "../../options/flags.js";
import { labelFormats } from "../labels/labelFlags.js";
import type { SourceItem } from "../sources/sourceItem.js";

/** Checked before a model is loaded. @throws UsageError. */
export function checkLiveFlags(flags: DetectFlags): void {
  if (flags.record !== undefined && flags.nosave) {
    throw new UsageError("--record writes videos, and --nosave writes none; leave out one of them");
  }
  if (flags.live === undefined) return;
  if (flags.json !== undefined) {
    throw new UsageError("--live has no end, and --json is written at the end; use --ndjson, which grows line by line");
  }
  if (labelFormats(flags).some((format) => format !== "voc")) {
    throw new UsageError("--live has no end, at which labels for tools are written; use --save-voc or --save-txt");
  }
}

/** @throws UsageError unless there is one video. */
export function checkLiveSources(items: readonly SourceItem[]): void {
  if (items.length === 1 && (items[0].video || items[0].error !== undefined)) return;
  throw new UsageError(
    `--live shows one camera, stream or video, got ${items.length === 1 ? "a picture" : `${items.length} sources`}`,
  );
}
