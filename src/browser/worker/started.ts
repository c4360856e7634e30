/** A started host of a model: a worker, or a channel within this thread. */

import type { DecoderName } from "./decoders/protocol.js";
import type { ChannelPort, Port } from "./protocol.js";

export interface Started {
  readonly port: Port;
  readonly terminate: () => void;
  /** For a worker that does not contain all decoders. */
  readonly decoders?: DecoderStarter | undefined;
}

/** Starts decoders that a model's worker requests. */
export interface DecoderStarter {
  /**
   * @param port the requester's port.
   * @param onEnd called with the reason if the decoder dies.
   */
  open(decoder: DecoderName, port: ChannelPort, onEnd: (reason: string) => void): Promise<void>;
  close(): void;
}
