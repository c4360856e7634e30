/** Decodes for a model's worker: in a worker for that format, or on the page's thread if workers are not available. */

import { toWire } from "../../../api/wireError.js";
import type { Decode } from "../../../yolov5/input/pictures.js";
import type { ChannelPort } from "../protocol.js";
import type { DecodeAnswer, DecodeRequest } from "./protocol.js";

export function serveDecoder(port: ChannelPort, decode: Decode): void {
  const answer = async ({ id, bytes, path, maxPixels }: DecodeRequest): Promise<void> => {
    const notes: string[] = [];
    try {
      const image = await decode(bytes, { path, maxPixels, onNote: (note) => notes.push(note) });
      const { width, height, data } = image;
      const message: DecodeAnswer = { id, image: { width, height, data }, notes };
      port.postMessage(message, [data.buffer as ArrayBuffer]);
    } catch (error) {
      port.postMessage({ id, error: toWire(error) } satisfies DecodeAnswer);
    }
  };
  port.onmessage = ({ data }: MessageEvent<DecodeRequest>) => void answer(data);
}

/** The main function of a decoder's worker: reports that it runs, and waits for the requester's port. */
export function runDecoderWorker(decode: Decode): void {
  globalThis.onmessage = ({ data }: MessageEvent<MessagePort>) => serveDecoder(data, decode);
  globalThis.postMessage({ type: "started" });
}
