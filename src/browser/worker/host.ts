/** The worker's side: loads one model and answers requests in the order of arrival. */

import type { LoadOptions } from "../../api/loadOptions.js";
import type { PictureSource, WeightSource } from "../../api/sources.js";
import { toWire } from "../../api/wireError.js";
import { Breather } from "../../breathe.js";
import { DisposedError } from "../../errors.js";
import { buffersOf, type HostTensor } from "../../tensor/index.js";
import type { Model } from "../../yolov5/model.js";
import type { Outcome } from "../../yolov5/output/outcome.js";
import type { Prediction } from "../../yolov5/output/prediction.js";
import { closePixels } from "../drawable.js";
import type { DecoderName } from "./decoders/protocol.js";
import type { Answer, FromHost, Port, Request, SliceProgress, ToHost } from "./protocol.js";

export type Loader = (sources: readonly WeightSource[], options: LoadOptions) => Promise<Model<PictureSource>>;

class Host {
  private model: Model<PictureSource> | undefined;
  private readonly predictions = new Map<number, Prediction>();
  /** Unanswered requests. */
  private readonly open = new Map<number, AbortController>();

  constructor(
    private readonly send: (message: FromHost, transfer?: Transferable[]) => void,
    private readonly load: Loader,
  ) {}

  /** Registers a request that is queued. */
  expect(id: number): void {
    this.open.set(id, new AbortController());
  }

  abort(id: number): void {
    this.open.get(id)?.abort();
  }

  async handle(request: Request, id: number): Promise<void> {
    try {
      const [answer, transfer] = await this.answer(request, id, this.open.get(id)?.signal);
      this.send({ type: "answer", id, answer, device: this.model?.device }, transfer);
    } catch (error) {
      this.send({ type: "failed", id, error: toWire(error) });
    } finally {
      this.open.delete(id);
    }
  }

  private async answer(
    request: Request,
    id: number,
    signal: AbortSignal | undefined,
  ): Promise<[Answer, Transferable[]?]> {
    switch (request.type) {
      case "load": {
        const model = await this.load(request.sources, {
          ...request.options,
          signal,
          onProgress: ({ loaded, total }) => this.send({ type: "progress", loaded, total }),
          onNote: (text) => this.send({ type: "note", text }),
        });
        this.model = model;
        return [{ kind: "loaded", info: model.info }];
      }
      case "predict": {
        const onWarning = (text: string): void => this.send({ type: "warning", id, text });
        const onSlice = (slice: SliceProgress): void => this.send({ type: "slice", id, ...slice });
        if (request.options.slice && !request.keep) {
          const options = { ...request.options, onWarning, onSlice, signal };
          const sliced = this.loaded().outcome(request.source, options);
          return [{ kind: "outcome", outcome: await sliced.finally(() => closePixels(request.source)) }];
        }
        let prediction: Prediction;
        try {
          prediction = await this.loaded().predict(request.source, { ...request.options, onWarning, signal });
        } finally {
          closePixels(request.source);
        }
        const outcome = prediction.outcome(request.options);
        if (request.keep) this.predictions.set(id, prediction);
        return outcomeAnswer(outcome, !request.keep);
      }
      case "select": {
        const prediction = this.predictions.get(request.prediction);
        if (!prediction) throw new DisposedError("the prediction");
        return outcomeAnswer(prediction.outcome(request.options), false);
      }
      case "release":
        this.predictions.delete(request.prediction);
        return [{ kind: "none" }];
      case "call": {
        const model = this.loaded();
        const method = model[request.method] as (...args: readonly unknown[]) => Promise<unknown>;
        const value = await method.apply(model, [...request.args]);
        const transfer = request.method === "forward" ? buffersOf(value as HostTensor[]) : [];
        return [{ kind: "value", value }, transfer];
      }
      case "dispose":
        this.predictions.clear();
        this.model?.dispose();
        this.model = undefined;
        return [{ kind: "none" }];
    }
  }

  private loaded(): Model<PictureSource> {
    if (!this.model) throw new DisposedError("the model");
    return this.model;
  }
}

/** Prototypes are transferred only if nobody needs them any more. */
function outcomeAnswer(outcome: Outcome, giveAway: boolean): [Answer, Transferable[]?] {
  const transfer = giveAway && outcome.prototypes ? buffersOf([outcome.prototypes]) : [];
  return [{ kind: "outcome", outcome }, transfer];
}

/**
 * Serves one model over a port, one request at a time.
 * @param onDecoderEnded called when a decoder's worker has ended.
 */
export function serve(
  port: Port,
  loader: Loader,
  onDecoderEnded: (decoder: DecoderName, reason: string) => void = () => undefined,
): void {
  const host = new Host((message, transfer) => port.postMessage(message, transfer ?? []), loader);
  let queue: Promise<void> = Promise.resolve();
  // Without an occasional pause, queued requests would be answered before their cancellation is received.
  const breather = new Breather();
  port.onmessage = ({ data }: MessageEvent<ToHost>) => {
    if (data.type === "abort") return host.abort(data.id);
    if (data.type === "decoderEnded") return onDecoderEnded(data.decoder, data.reason);
    host.expect(data.id);
    queue = queue.then(() => breather.rest()).then(() => host.handle(data, data.id));
  };
  port.postMessage({ type: "started" } satisfies FromHost);
}
