/** `--live`, `--record` and other options for videos: which options they can be combined with. */

import { isHttp } from "../../../api/address.js";
import { UsageError } from "../../errors.js";
import type { DetectFlags } from "../../options/flags.js";
import type { Output } from "../../output.js";
import { labelFormats } from "../labels/labelFlags.js";
import type { SourceItem } from "../sources/sourceItem.js";

/** Checked before a model is loaded. @throws UsageError. */
export function checkLiveFlags(flags: DetectFlags): void {
  if (flags.record !== undefined && flags.nosave) {
    throw new UsageError("--record writes videos, and --nosave writes none; leave out one of them");
  }
  if (flags.live === undefined) return;
  if (flags.json !== undefined) {
    throw new UsageError("--live never ends, and --json is written at the end; use --ndjson, which grows line by line");
  }
  if (labelFormats(flags).some((format) => format !== "voc")) {
    throw new UsageError(
      "--live never ends, and labels for tools are written at the end; use --save-voc or --save-txt",
    );
  }
}

/** Options for videos that have no effect if all sources are pictures. An address may turn out to be a video. */
export function tellWithoutVideos(flags: DetectFlags, items: readonly SourceItem[], output: Output): void {
  if (items.length === 0 || items.some(({ source, video, error }) => video || error !== undefined || isHttp(source)))
    return;
  if (flags.record !== undefined) output.warn("--record has no effect on pictures");
  if (flags.maxFrames !== undefined) output.warn("--max-frames has no effect on pictures");
  if (flags.vidStride > 1) output.warn("--vid-stride has no effect on pictures");
}

/** @throws UsageError unless there is one video. */
export function checkLiveSources(items: readonly SourceItem[]): void {
  if (items.length === 1 && (items[0].video || items[0].error !== undefined)) return;
  throw new UsageError(
    `--live shows one camera, stream or video, got ${items.length === 1 ? "a picture" : `${items.length} sources`}`,
  );
}
