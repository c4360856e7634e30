/** Copies the sound of one video into another without changing its pictures. */

import { rename, rm } from "node:fs/promises";
import { removeOnExit, temporaryName } from "../files/writeFile.js";
import { askTool, plainComplaint } from "./ffmpeg.js";
import type { VideoInput } from "./input.js";

/** Codecs that MP4 files may contain and players support; anything else is re-encoded. */
const IN_MP4 = ["aac", "mp3", "ac3", "eac3", "alac", "opus"];
/** Copying hours of sound, or encoding them. */
const PATIENCE_MS = 30 * 60_000;

interface SoundStream {
  readonly codec_name?: string;
  readonly codec_type?: string;
  readonly start_time?: string;
}

/**
 * Replaces the file by one with sound, if there is any.
 * @param path MP4 without sound.
 * @param source the file with the sound.
 * @param seconds how long the file is.
 * @returns why it failed; undefined if it succeeded or there is no sound. If it failed, the file is unchanged.
 */
export async function addSound(path: string, source: VideoInput, seconds: number): Promise<string | undefined> {
  const { stdout } = await askTool(
    "ffprobe",
    ["-v", "error", ...source.args, "-show_entries", "stream=codec_name,codec_type,start_time", "-of", "json"],
    source.source,
    { env: source.env },
  );
  const { streams = [] }: { readonly streams?: readonly SoundStream[] } = JSON.parse(stdout || "{}");
  const sound = streams.filter(({ codec_type: type }) => type === "audio");
  if (sound.length === 0) return undefined;
  const copied = sound.every(({ codec_name: codec = "" }) => IN_MP4.includes(codec));
  // ffmpeg lets a file begin at its first packet. The new pictures begin at 0, so the delay of the old ones is subtracted.
  const starts = streams.map(({ start_time: start }) => Number(start)).filter(Number.isFinite);
  const pictures = Number(streams.find(({ codec_type: type }) => type === "video")?.start_time ?? 0);
  const early = Number.isFinite(pictures) && starts.length > 0 ? pictures - Math.min(...starts) : 0;
  const whole = temporaryName(path);
  const keep = removeOnExit(whole);
  const { code, stderr } = await askTool(
    "ffmpeg",
    [
      ...["-hide_banner", "-nostdin", "-loglevel", "error", "-y", "-i", `file:${path}`],
      ...(early > 0.001 ? ["-itsoffset", `-${early.toFixed(6)}`] : []),
      ...["-t", (seconds + early).toFixed(6), ...source.args],
      ...["-map", "0:v", "-map", "1:a", "-c:v", "copy", "-c:a", copied ? "copy" : "aac"],
      ...["-map_metadata", "-1", "-map_chapters", "-1", "-movflags", "+faststart", "-f", "mp4", `file:${whole}`],
    ],
    source.source,
    { env: source.env, timeoutMs: PATIENCE_MS },
  );
  if (code === 0) await rename(whole, path);
  else await rm(whole, { force: true });
  keep();
  const complaints = stderr.split("\n").map(plainComplaint);
  return code === 0 ? undefined : (complaints.findLast((line) => line !== "") ?? `ffmpeg ended with ${code}`);
}
