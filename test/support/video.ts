/** Small clips made with ffmpeg, and what ffprobe makes of a file. */

import { execFileSync, spawnSync } from "node:child_process";

/** For `describe.skipIf`: true where ffmpeg is absent, after saying so. */
export function ffmpegMissing(): boolean {
  const missing = ["ffmpeg", "ffprobe"].some((tool) => spawnSync(tool, ["-version"]).error !== undefined);
  if (missing && process.env.CI) throw new Error("ffmpeg is not installed, and CI must test videos");
  if (missing) console.warn("skipped: ffmpeg and ffprobe are not installed");
  return missing;
}

/** Runs ffmpeg, its output written over. @throws Error with what it complained about. */
export function ffmpeg(args: readonly string[], input?: Uint8Array): void {
  execFileSync("ffmpeg", ["-hide_banner", "-loglevel", "error", "-y", ...args], {
    stdio: [input ? "pipe" : "ignore", "ignore", "pipe"],
    ...(input ? { input } : {}),
  });
}

export interface Probed {
  readonly codec: string;
  readonly width: number;
  readonly height: number;
  readonly rate: string;
  /** Counted by decoding all of it. */
  readonly frames: number;
}

export function probe(path: string): Probed {
  const entries = "stream=codec_name,width,height,avg_frame_rate,nb_read_frames";
  const args = ["-v", "error", "-count_frames", "-select_streams", "v", "-show_entries", entries, "-of", "json", path];
  const [stream] = JSON.parse(execFileSync("ffprobe", args, { encoding: "utf8" })).streams;
  const { codec_name: codec, width, height, avg_frame_rate: rate, nb_read_frames: frames } = stream;
  return { codec, width, height, rate, frames: Number(frames) };
}
