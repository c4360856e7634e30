/** Which sources are videos, and how ffmpeg is told to open them. */

import { extname } from "node:path";
import { VideoError } from "../../errors.js";

export interface VideoInput {
  /** As the user wrote it. */
  readonly source: string;
  /** Comes as it happens and has no end: frames that are not taken in time are dropped. */
  readonly live: boolean;
  /** Arguments up to and with `-i`. */
  readonly args: readonly string[];
}

/** By the name's ending; `gif` only where it is animated. */
export const VIDEO_ENDINGS = "asf avi gif m4v mkv mov mp4 mpeg mpg ts wmv webm".split(" ");
/** Streams over HTTP: playlists, and cameras that send one JPEG after the other. */
const STREAM_ENDINGS = ["m3u8", "mpd", "mjpg", "mjpeg"];
const LIVE_PROTOCOLS = /^(rtsps?|rtmps?|rtp|srt|tcp|udp):\/\//i;

const ending = (path: string): string => extname(path).slice(1).toLowerCase();

export function hasVideoEnding(path: string): boolean {
  return VIDEO_ENDINGS.includes(ending(path));
}

/** `rtsp://…` and the like. */
export function isStreamAddress(source: string): boolean {
  return LIVE_PROTOCOLS.test(source);
}

/** An HTTP address whose name says that it is a video or a stream. */
export function isVideoUrl(source: string): boolean {
  if (!/^https?:\/\//i.test(source)) return false;
  const { pathname } = new URL(source);
  return hasVideoEnding(pathname) || STREAM_ENDINGS.includes(ending(pathname));
}

/** `0`, `/dev/video0`, or `video=Name` as Windows names cameras. */
export function isCamera(source: string): boolean {
  return /^\d{1,3}$/.test(source) || /^\/dev\/video\d+$/.test(source) || /^video=./.test(source);
}

/**
 * How to open a source.
 * @param address path, `http(s)`, `rtsp`, `rtmp`, `udp`, `tcp`, `srt` address, or a camera: its number or device.
 * @throws VideoError for a camera that this system names in another way.
 */
export function videoInput(address: string, platform: string = process.platform): VideoInput {
  // What is printed, written and sent on must not carry a camera's password.
  const source = address.replace(/^(\w+:\/\/[^/@:]*):[^/@]*@/, "$1:***@");
  if (isStreamAddress(source)) {
    // Over UDP, packets that get lost leave grey smears.
    const transport = /^rtsp/i.test(source) ? ["-rtsp_transport", "tcp"] : [];
    return { source, live: true, args: [...transport, "-i", address] };
  }
  if (/^https?:\/\//i.test(source)) {
    const live = !hasVideoEnding(new URL(source).pathname) && !/\.(m3u8|mpd)$/i.test(new URL(source).pathname);
    return { source, live, args: ["-i", address] };
  }
  if (isCamera(source)) return { source, live: true, args: cameraArguments(source, platform) };
  // With `file:` a name is a name, whatever colons and dashes it holds; a playlist in it may not reach the network.
  return { source, live: false, args: ["-protocol_whitelist", "file,crypto,data", "-i", `file:${source}`] };
}

function cameraArguments(source: string, platform: string): string[] {
  const number = /^\d+$/.test(source);
  if (platform === "linux") return ["-f", "v4l2", "-i", number ? `/dev/video${source}` : source];
  if (platform === "darwin") return ["-f", "avfoundation", "-framerate", "30", "-i", `${source}:none`];
  if (platform === "win32" && !number) return ["-f", "dshow", "-i", source];
  const how =
    platform === "win32"
      ? 'give its name, as in --source "video=Integrated Camera" (ffmpeg -list_devices true -f dshow -i dummy lists them)'
      : "give a stream's address";
  throw new VideoError(`${source}: cameras have no numbers on ${platform}; ${how}`, { source, platform });
}

/** Whether a GIF holds a second picture. Reads its blocks only, no pixels. */
export function isAnimatedGif(bytes: Uint8Array): boolean {
  const magic = String.fromCharCode(...bytes.subarray(0, 6));
  if (magic !== "GIF87a" && magic !== "GIF89a") return false;
  const table = (flags: number): number => (flags & 0x80 ? 3 << ((flags & 7) + 1) : 0);
  const skipBlocks = (from: number): number => {
    let at = from;
    while (at < bytes.length && bytes[at] !== 0) at += bytes[at] + 1;
    return at + 1;
  };
  let at = 13 + table(bytes[10] ?? 0);
  let pictures = 0;
  while (at < bytes.length) {
    if (bytes[at] === 0x21) at = skipBlocks(at + 2);
    else if (bytes[at] === 0x2c) {
      if (++pictures > 1) return true;
      at = skipBlocks(at + 11 + table(bytes[at + 9] ?? 0));
    } else return false;
  }
  return false;
}
