/** Decodes for a model's worker: in a worker for that format, or on the page's thread if workers are not available. */

import { toWire } from "../../../api/wireError.js";
import type { Decode } from "../../../yolov5/input/pictures.js";
import type { ReadOnnx } from "../../../yolov5/loadModel.js";
import type { ChannelPort } from "../protocol.js";
import type { DecodeAnswer, DecodeRequest } from "./protocol.js";

/** What answers a request: with a picture, or with an exported network. */
export type Answering = (request: DecodeRequest) => Promise<[message: DecodeAnswer, transfer: ArrayBuffer[]]>;

export const answerPictures =
  (decode: Decode): Answering =>
  async ({ id, bytes, path, maxPixels }) => {
    const notes: string[] = [];
    const image = await decode(bytes, { path, maxPixels, onNote: (note) => notes.push(note) });
    const { width, height, data } = image;
    return [{ id, image: { width, height, data }, notes }, [data.buffer as ArrayBuffer]];
  };

export const answerOnnx =
  (read: ReadOnnx): Answering =>
  async ({ id, bytes, path = "checkpoint" }) => [{ id, checkpoint: await read(bytes, path) }, []];

export function serveDecoder(port: ChannelPort, answering: Answering): void {
  const answer = async (request: DecodeRequest): Promise<void> => {
    try {
      port.postMessage(...(await answering(request)));
    } catch (error) {
      port.postMessage({ id: request.id, error: toWire(error) } satisfies DecodeAnswer);
    }
  };
  port.onmessage = ({ data }: MessageEvent<DecodeRequest>) => void answer(data);
}

/** The main function of a decoder's worker: reports that it runs, and waits for the requester's port. */
export function runDecoderWorker(answering: Answering): void {
  globalThis.onmessage = ({ data }: MessageEvent<MessagePort>) => serveDecoder(data, answering);
  globalThis.postMessage({ type: "started" });
}
