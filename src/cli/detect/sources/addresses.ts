/** Tells pictures from videos at an address: by the extension, otherwise by the server's headers and first bytes. */

import { isHttp, shownAddress } from "../../../api/address.js";
import type { Answer } from "../../../node/net/answer.js";
import { isVideoType } from "../../../node/net/downloadPicture.js";
import { openRequest } from "../../../node/net/request.js";
import { hasVideoMagic } from "../../../node/video/fileKind.js";
import { hasVideoEnding, isStreamEnding } from "../../../node/video/input.js";
import type { SourceItem } from "./sourceItem.js";

/** Picture extensions: no request is made before the picture is read. The server may then still send a video. */
const PICTURE_ENDING = /\.(avif|bmp|dng|gif|jfif|jpe?g|mpo|p[bgnp]m|png|tiff?|webp)$/i;
/** The start of a multipart stream of pictures, from a server whose headers do not announce one. */
const MJPEG = /^\s*--.*\r\n(.+\r\n)*content-type: *image\//i;
const PATIENCE_MS = 10_000;
/** Bytes of a response needed to recognise its format. */
const HEAD_BYTES = 512;

/** An address, and its shown form without the password. */
function itemOf(address: string, video: boolean): SourceItem {
  const source = shownAddress(address);
  return { source, ...(source === address ? {} : { address }), ...(video ? { video } : {}) };
}

/** `rtsp://…` and similar. */
export function streamItem(address: string): SourceItem {
  return itemOf(address, true);
}

/** `http://…`: makes one request if the extension is inconclusive. */
export async function httpItem(address: string, signal: AbortSignal | undefined): Promise<SourceItem> {
  const source = shownAddress(address);
  if (!URL.canParse(address)) return { source, error: `${source}: is not a valid URL` };
  const { hostname, pathname } = new URL(address);
  if (/(^|\.)(youtube\.com|youtu\.be)$/.test(hostname)) {
    return {
      source,
      error: `${source}: is a page with a video; download the video (for example with yt-dlp) and give the file`,
    };
  }
  if (PICTURE_ENDING.test(pathname)) return itemOf(address, false);
  const video = hasVideoEnding(pathname) || isStreamEnding(pathname) || (await sendsVideo(address, signal));
  return itemOf(address, video);
}

/** An address with an unsupported scheme; undefined if `source` is not an address. */
export function unreadAddress(source: string): SourceItem | undefined {
  if (isHttp(source) || !/^[a-z][a-z\d+.-]+:\/\//i.test(source)) return undefined;
  const shown = shownAddress(source);
  return {
    source: shown,
    error: `${shown}: this kind of address is not supported; give http, https, rtsp, rtmp, udp, tcp, srt or a file`,
  };
}

/** Whether a server sends a video or a stream of JPEGs. */
async function sendsVideo(address: string, signal: AbortSignal | undefined): Promise<boolean> {
  const patience = AbortSignal.timeout(PATIENCE_MS);
  try {
    const { answer, close } = await openRequest(address, signal ? AbortSignal.any([signal, patience]) : patience);
    try {
      const type = answer.headers.get("content-type") ?? "";
      if (!answer.ok || /^image\//i.test(type)) return false;
      if (isVideoType(type)) return true;
      const head = await headOf(answer.body);
      return hasVideoMagic(head) || MJPEG.test(Buffer.from(head).toString("latin1"));
    } finally {
      await close();
    }
  } catch {
    // Reading it later reports what is wrong.
    return false;
  }
}

async function headOf(body: Answer["body"]): Promise<Uint8Array> {
  let head = new Uint8Array(0);
  for await (const chunk of body ?? []) {
    head = Uint8Array.from(Buffer.concat([head, chunk.subarray(0, HEAD_BYTES)]));
    if (head.length >= HEAD_BYTES) break;
  }
  return head;
}
