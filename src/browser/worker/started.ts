/** The other side of a model, once it runs: a worker, or a channel within this thread. */

import type { DecoderName } from "./decoders/protocol.js";
import type { ChannelPort, Port } from "./protocol.js";

export interface Started {
  readonly port: Port;
  readonly terminate: () => void;
  /** For a worker that has not all decoders itself. */
  readonly decoders?: DecoderStarter | undefined;
}

/** Starts decoders that a model's worker asks for. */
export interface DecoderStarter {
  /**
   * @param port of who asks
   * @param onEnd called when the decoder dies, with the reason
   */
  open(decoder: DecoderName, port: ChannelPort, onEnd: (reason: string) => void): Promise<void>;
  close(): void;
}
