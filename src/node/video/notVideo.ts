/** Says what a file is that ffmpeg cannot read as a video: ffmpeg itself only says what is missing. */

import { sniff } from "../../image/index.js";
import { headOf } from "../files/regularFile.js";

/** ffmpeg's names of formats that refer to other files. */
const NAMING = /^(hls|applehttp|dash|concatf?|sdp|rtsp|imf|avisynth|vapoursynth|lavfi|webm_dash_manifest)\b/;
/** Enough to recognise text and other non-video files. */
const HEAD_BYTES = 512;

/**
 * Describes a source that ffmpeg cannot read, to follow `path: `; undefined if unknown.
 * @param format ffmpeg's name of the format, unless it is one that contains its own pictures.
 * @param path of a file on this machine.
 */
export async function notVideo(format: string | undefined, path: string | undefined): Promise<string | undefined> {
  if (format !== undefined && NAMING.test(format)) {
    return `is a playlist or manifest (${format}), which only refers to other files; give the videos themselves`;
  }
  const head = path === undefined ? undefined : await headOf(path, HEAD_BYTES).catch(() => undefined);
  const known = head && kindOf(head);
  if (known !== undefined || format === undefined) return known;
  return `is in the format ${format}, which cannot contain video; give a file such as .mp4 or .mkv`;
}

function kindOf(head: Uint8Array): string | undefined {
  if (head.length === 0) return "is an empty file; download or copy it again";
  const found = sniff(head);
  if (found.kind === "picture") {
    return `is a picture (${found.format.toUpperCase()}), not a video; rename it with the extension of its format`;
  }
  if (found.what.startsWith("a web page")) return "is a web page (HTML), not a video; download the video itself";
  if (found.what.startsWith("a git-lfs pointer")) return "is a git-lfs pointer, not the video; run `git lfs pull`";
  if (found.what.startsWith("a text file")) return "is a text file, not a video";
  return undefined;
}
