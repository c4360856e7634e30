/** The page's side of decoding for a model's worker: starts a worker for each requested decoder. */

import type { Parts } from "../../parts.js";
import type { ChannelPort } from "../protocol.js";
import { startProgram } from "../spawn.js";
import type { DecoderStarter } from "../started.js";
import type { DecoderName } from "./protocol.js";
import { type Answering, answerOnnx, answerPictures, serveDecoder } from "./serve.js";

const PROGRAMS: Readonly<Record<DecoderName, () => Promise<{ readonly PROGRAM: string }>>> = {
  jpeg: () => import("../programs/jpeg.js"),
  webp: () => import("../programs/webp.js"),
  avif: () => import("../programs/avif.js"),
  rare: () => import("../programs/rare.js"),
  onnx: () => import("../programs/onnx.js"),
};

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export class DecoderWorkers implements DecoderStarter {
  private readonly ends = new Set<() => void>();
  private closed = false;

  /** @param onNote receives a note if pictures are decoded on the page's own thread instead. */
  constructor(
    private readonly parts: Pick<Parts, "decoders" | "onnx">,
    private readonly onNote: ((note: string) => void) | undefined,
  ) {}

  async open(decoder: DecoderName, port: ChannelPort, onEnd: (reason: string) => void): Promise<void> {
    try {
      const { PROGRAM } = await PROGRAMS[decoder]();
      const { worker, terminate } = await startProgram(PROGRAM, undefined);
      if (this.closed) return terminate();
      this.ends.add(terminate);
      worker.onerror = (event) => {
        event.preventDefault();
        this.ends.delete(terminate);
        terminate();
        onEnd(event.message || "no message");
      };
      worker.postMessage(port, [port]);
    } catch (error) {
      if (this.closed) return;
      const [purpose, here] = decoder === "onnx" ? ["read ONNX files", "reading"] : ["decode pictures", "decoding"];
      this.onNote?.(`no worker to ${purpose}: ${messageOf(error)}; ${here} on the page's own thread`);
      await this.openHere(decoder, port, onEnd);
    }
  }

  private async openHere(decoder: DecoderName, port: ChannelPort, onEnd: (reason: string) => void): Promise<void> {
    try {
      const answering = decoder === "onnx" ? await this.onnxHere() : await this.picturesHere();
      if (this.closed) return;
      serveDecoder(port, answering);
      this.ends.add(() => port.close());
    } catch (error) {
      onEnd(messageOf(error));
    }
  }

  private async onnxHere(): Promise<Answering> {
    const { openOnnx } = await this.parts.onnx();
    return answerOnnx(async (bytes, path) => openOnnx(bytes, path));
  }

  private async picturesHere(): Promise<Answering> {
    return answerPictures((await this.parts.decoders()).decodeImage);
  }

  close(): void {
    this.closed = true;
    for (const end of this.ends) end();
    this.ends.clear();
  }
}
