/**
 * Decoding in a model's worker: PNG here, everything else by decoders requested when the first picture of their
 * format arrives.
 */

import { fromWire } from "../../../api/wireError.js";
import { DeviceError } from "../../../errors.js";
import { type Decoders, decodeWith } from "../../../image/decodeWith.js";
import type { DecodeOptions, RgbImage } from "../../../image/index.js";
import { decodePng } from "../../../image/png/decode.js";
import { sniff } from "../../../image/sniff.js";
import type { Decode } from "../../../yolov5/input/pictures.js";
import type { ChannelPort } from "../protocol.js";
import { type DecodeAnswer, type DecodeRequest, type DecoderName, ELSEWHERE } from "./protocol.js";

const HERE: Decoders = { png: decodePng };

interface Pending {
  readonly resolve: (image: RgbImage) => void;
  readonly reject: (error: unknown) => void;
  readonly onNote: ((note: string) => void) | undefined;
}

/** A decoder at the other end of a channel. */
class Remote {
  private readonly pending = new Map<number, Pending>();
  private nextId = 1;

  constructor(private readonly port: ChannelPort) {
    port.onmessage = ({ data }: MessageEvent<DecodeAnswer>) => this.receive(data);
  }

  decode(bytes: Uint8Array, { path, maxPixels, onNote }: DecodeOptions): Promise<RgbImage> {
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      this.pending.set(id, { resolve, reject, onNote });
      this.port.postMessage({ id, bytes, path, maxPixels } satisfies DecodeRequest);
    });
  }

  /** It no longer answers. */
  end(error: unknown): void {
    for (const { reject } of this.pending.values()) reject(error);
    this.pending.clear();
    this.port.close();
  }

  private receive(answer: DecodeAnswer): void {
    const pending = this.pending.get(answer.id);
    this.pending.delete(answer.id);
    if (!pending) return;
    if ("error" in answer) pending.reject(fromWire(answer.error));
    else {
      for (const note of answer.notes) pending.onNote?.(note);
      pending.resolve(answer.image);
    }
  }
}

export class RemoteDecoders {
  private readonly remotes = new Map<DecoderName, Remote>();

  /** @param open starts a decoder that answers over the port. */
  constructor(private readonly open: (decoder: DecoderName, port: ChannelPort) => void) {}

  readonly decode: Decode = (bytes, options) => {
    const found = sniff(bytes);
    const decoder = found.kind === "picture" ? ELSEWHERE[found.format] : undefined;
    return decoder ? this.remote(decoder).decode(bytes, options) : decodeWith(HERE, bytes, options);
  };

  /** A decoder's worker has ended; the next picture of its format starts a new one. */
  ended(decoder: DecoderName, reason: string): void {
    this.remotes.get(decoder)?.end(new DeviceError(`the worker that decodes pictures ended: ${reason}; try again`));
    this.remotes.delete(decoder);
  }

  private remote(decoder: DecoderName): Remote {
    const known = this.remotes.get(decoder);
    if (known) return known;
    const { port1, port2 } = new MessageChannel();
    const remote = new Remote(port1);
    this.remotes.set(decoder, remote);
    this.open(decoder, port2);
    return remote;
  }
}
