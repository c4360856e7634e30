/** Tells which sources are videos, and how ffmpeg should open them. */

import { extname } from "node:path";
import { isHttp, shownAddress } from "../../api/address.js";
import { VideoError } from "../../errors.js";
import { ffmpegEnvironment } from "../net/proxy.js";

/** The source of a video, and ffmpeg's arguments for it. */
export interface VideoInput {
  /** As the user wrote it. */
  readonly source: string;
  /**
   * A live source without an end: frames that are not consumed in time are dropped. Undefined if only the server
   * knows.
   */
  readonly live: boolean | undefined;
  /** The path, for a file on this machine. */
  readonly path?: string;
  /** Arguments up to and including `-i`. */
  readonly args: readonly string[];
  /** ffmpeg's environment with the proxy for this address, if it differs from that of this process. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** By extension; `gif` only if it is animated. */
export const VIDEO_ENDINGS = (
  "3g2 3gp amv asf avi divx dv f4v flv gif h264 h265 hevc ivf m1v m2t m2ts m2v m4v mjpeg mjpg mk3d mkv mov mp4 mpeg mpg mpv " +
  "mts mxf nut ogm ogv qt rm rmvb ts vob webm wmv wtv y4m"
).split(" ");
/** A playlist from the network may refer to network addresses, but never to files on this machine. */
const NETWORK = [
  "-protocol_whitelist",
  "http,https,httpproxy,tls,tcp,udp,rtp,srtp,rtsp,rtsps,rtmp,rtmpt,rtmps,rtmpe,rtmpte,srt,crypto,data",
];
/**
 * Formats that contain their own pictures. Playlists, manifests and scripts (HLS, DASH, concat, SDP) refer to other
 * files.
 */
const CONTAINERS =
  "3dostr,4xm,aa,amv,anm,apng,asf,asf_o,av1,avi,avs,avs2,avs3,bethsoftvid,bfi,bink,c93,cavsvideo,cdxl,cine,dhav,dirac,dnxhd," +
  "dsicin,dv,dxa,ea,flic,flv,frm,gif,gxf,h261,h263,h264,hevc,idcin,iff,ifv,ingenient,ipmovie,ivf,ivr,jpegxl_anim,jv,kux,live_flv," +
  "lmlm4,lvf,lxf,m4v,matroska,mjpeg,mjpeg_2000,mlv,mm,mov,mp4,mpeg,mpegts,mpegvideo,mpjpeg,mtv,mv,mvi,mxf,mxg,nsv,nut,nuv,obu,ogg," +
  "pmp,psxstr,pva,r3d,rl2,rm,roq,rpl,sdr2,ser,siff,smjpeg,smk,swf,tiertexseq,thp,tmv,ty,vc1,vc1test,vivo,viv,vmd,vqf,vvc,wc3movie," +
  "webm,webp_anim,wsvqa,wtv,xmv,yop,yuv4mpegpipe";
const LIVE_PROTOCOLS = /^(rtsps?|rtmps?|rtp|srt|tcp|udp):\/\//i;

const ending = (path: string): string => extname(path).slice(1).toLowerCase();

export function hasVideoEnding(path: string): boolean {
  return VIDEO_ENDINGS.includes(ending(path));
}

/** `rtsp://…` and similar. */
export function isStreamAddress(source: string): boolean {
  return LIVE_PROTOCOLS.test(source);
}

/** Playlists of streams over HTTP. */
export function isStreamEnding(path: string): boolean {
  return ["m3u8", "mpd"].includes(ending(path));
}

/** `0`, `/dev/video0`, or `video=Name` as Windows names cameras. */
export function isCamera(source: string): boolean {
  return /^\d{1,3}$/.test(source) || /^\/dev\/video\d+$/.test(source) || /^video=./.test(source);
}

/**
 * How to open a source.
 * @param address path, `http(s)`, `rtsp`, `rtmp`, `udp`, `tcp`, `srt` address, or a camera: its number or device.
 * @throws VideoError for a camera name that this system does not use.
 */
export function videoInput(address: string, platform: string = process.platform): VideoInput {
  const source = shownAddress(address);
  if (isStreamAddress(address)) {
    // Over UDP, lost packets leave grey smears.
    const transport = /^rtsp/i.test(address) ? ["-rtsp_transport", "tcp"] : [];
    return { source, live: true, args: [...transport, ...NETWORK, "-i", lowerScheme(address)] };
  }
  if (isHttp(address)) {
    if (!URL.canParse(address)) throw new VideoError(`${source}: is not a valid URL`, { source });
    return { source, live: undefined, args: [...NETWORK, "-i", forFfmpeg(address)], env: ffmpegEnvironment(address) };
  }
  if (isCamera(address)) return { source, live: true, args: cameraArguments(address, platform) };
  // With `file:` colons and dashes in a name have no special meaning.
  const protocols = ["-protocol_whitelist", "file,crypto,data", "-format_whitelist", CONTAINERS];
  return { source, live: false, path: address, args: [...protocols, "-i", `file:${address}`] };
}

/** ffmpeg knows its protocols in lower case only. */
function lowerScheme(address: string): string {
  return address.replace(/^[a-z]+:/i, (scheme) => scheme.toLowerCase());
}

/**
 * The address without its fragment, which is never sent to servers. If an address ends like a picture's name
 * (`…?poster=a.jpg`), ffmpeg takes it for an image sequence and expands `%d` in it to `a1.jpg`, `a2.jpg`, …;
 * appending an empty fragment prevents that.
 */
function forFfmpeg(address: string): string {
  const [whole] = lowerScheme(address).split("#", 1);
  return whole.includes("?") ? `${whole}#` : whole;
}

function cameraArguments(source: string, platform: string): string[] {
  const number = /^\d+$/.test(source);
  if (platform === "linux") return ["-f", "v4l2", "-i", number ? `/dev/video${source}` : source];
  if (platform === "darwin") return ["-f", "avfoundation", "-framerate", "30", "-i", `${source}:none`];
  if (platform === "win32" && !number) return ["-f", "dshow", "-i", source];
  const how =
    platform === "win32"
      ? 'give its name, as in --source "video=Integrated Camera" (ffmpeg -list_devices true -f dshow -i dummy lists the names)'
      : "give a stream's address";
  throw new VideoError(`${source}: cameras are not numbered on ${platform}; ${how}`, { source, platform });
}

/** Whether a GIF has a second frame. Reads only its blocks, no pixels. */
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
