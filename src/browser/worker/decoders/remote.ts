/**
 * Decoding in a model's worker: PNG here, everything else by decoders requested when the first picture of their
 * format arrives.
 */

import { fromWire } from "../../../api/wireError.js";
import { DeviceError, invariant } from "../../../errors.js";
import { type Decoders, decodeWith } from "../../../image/decodeWith.js";
import type { DecodeOptions, RgbImage } from "../../../image/index.js";
import { decodePng } from "../../../image/png/decode.js";
import { sniff } from "../../../image/sniff.js";
import type { Checkpoint } from "../../../weights/types.js";
import type { Decode } from "../../../yolov5/input/pictures.js";
import type { ReadOnnx } from "../../../yolov5/loadModel.js";
import type { ChannelPort } from "../protocol.js";
import { type DecodeAnswer, type DecodeRequest, type DecoderName, ELSEWHERE } from "./protocol.js";

const HERE: Decoders = { png: decodePng };

type Answered = Exclude<DecodeAnswer, { readonly error: unknown }>;

interface Pending {
  readonly resolve: (answer: Answered) => void;
  readonly reject: (error: unknown) => void;
}

/** A decoder at the other end of a channel. */
class Remote {
  private readonly pending = new Map<number, Pending>();
  private nextId = 1;

  constructor(private readonly port: ChannelPort) {
    port.onmessage = ({ data }: MessageEvent<DecodeAnswer>) => this.receive(data);
  }

  private ask(request: Omit<DecodeRequest, "id">): Promise<Answered> {
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      this.pending.set(id, { resolve, reject });
      this.port.postMessage({ ...request, id } satisfies DecodeRequest);
    });
  }

  async decode(bytes: Uint8Array, { path, maxPixels, onNote }: DecodeOptions): Promise<RgbImage> {
    const answer = await this.ask({ bytes, path, maxPixels });
    invariant("image" in answer, "the picture decoder sent an unexpected answer");
    for (const note of answer.notes) onNote?.(note);
    return answer.image;
  }

  async readOnnx(bytes: Uint8Array, path: string): Promise<Checkpoint> {
    const answer = await this.ask({ bytes, path, maxPixels: undefined });
    invariant("checkpoint" in answer, "the reader of ONNX files sent an unexpected answer");
    return answer.checkpoint;
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
    else pending.resolve(answer);
  }
}

const WORK: Readonly<Partial<Record<DecoderName, string>>> = { onnx: "reads ONNX files" };

export class RemoteDecoders {
  private readonly remotes = new Map<DecoderName, Remote>();

  /** @param open starts a decoder that answers over the port. */
  constructor(private readonly open: (decoder: DecoderName, port: ChannelPort) => void) {}

  readonly decode: Decode = (bytes, options) => {
    const found = sniff(bytes);
    const decoder = found.kind === "picture" ? ELSEWHERE[found.format] : undefined;
    return decoder ? this.remote(decoder).decode(bytes, options) : decodeWith(HERE, bytes, options);
  };

  /** Reads an ONNX export in a worker of its own, since few pages have one. */
  readonly readOnnx: ReadOnnx = (bytes, path) => this.remote("onnx").readOnnx(bytes, path);

  /** A decoder's worker has ended; the next picture of its format starts a new one. */
  ended(decoder: DecoderName, reason: string): void {
    this.remotes
      .get(decoder)
      ?.end(new DeviceError(`the worker that ${WORK[decoder] ?? "decodes pictures"} ended: ${reason}; try again`));
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
