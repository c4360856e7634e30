/** A peer as a subject of the bench: same weights as an ONNX file, same input, outputs compared first. */

import { tensor } from "../../../tensor/index.js";
import type { BenchEngine, OwnEngine } from "../engine.js";
import { type PeerKind, peerName } from "./catalogue.js";
import { checkOutputs } from "./checkOutputs.js";
import { PeerProcess } from "./peerProcess.js";

/** A peer that is not timed. */
export interface RefusedPeer {
  /** `onnxruntime-web/wasm`. */
  readonly engine: string;
  readonly model: string;
  readonly reason: string;
  /** True if it ran but its outputs differ from this engine's. */
  readonly wrong: boolean;
}

export type OpenedPeer =
  | { readonly engine: BenchEngine; readonly refused?: undefined }
  | { readonly engine?: undefined; readonly refused: RefusedPeer };

export interface PeerOptions {
  /** `bench/peers`. */
  readonly folder: string;
  /** Path of the ONNX file. */
  readonly model: string;
  readonly threads: number;
}

/** Opens a peer with the model of one of our engines, runs it once and compares the outputs. */
export async function openPeer(peer: PeerKind, own: OwnEngine, options: PeerOptions): Promise<OpenedPeer> {
  const { folder, model, threads } = options;
  const { input, outputs: expected } = own.subject;
  const child = new PeerProcess(folder);
  const refuse = (reason: string, wrong: boolean): OpenedPeer => {
    child.close();
    return { refused: { engine: peerName(peer), model: own.model, reason, wrong } };
  };
  try {
    const opened = await child.call("open", {
      engine: peer.engine,
      provider: peer.backend,
      model,
      input: { data: input.data, shape: input.shape },
      threads,
    });
    const outputs = opened.outputs.map(({ shape, data }) => tensor("float32", shape, data));
    const { maxDifference, problem } = checkOutputs(outputs, expected, own.dtype);
    if (problem !== undefined) return refuse(problem, true);
    const engine: BenchEngine = {
      ...peer,
      model: own.model,
      dtype: "float32",
      adapter: undefined,
      threads: peer.cpu ? threads : undefined,
      maxDifference,
      coldMs: opened.coldMs,
      imgsz: own.imgsz,
      batch: own.batch,
      flops: own.flops,
      run: () => child.call("time"),
      time: () => child.call("time"),
      peakBytes: async () => undefined,
      dispose: () => child.close(),
    };
    return { engine };
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error), false);
  }
}
