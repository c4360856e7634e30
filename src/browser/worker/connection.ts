/** Requests to a worker and their answers: numbered, sent in call order, all rejected if the worker ends. */

import type { LoadOptions } from "../../api/loadOptions.js";
import { fromWire } from "../../api/wireError.js";
import { DeviceError, DisposedError, invariant } from "../../errors.js";
import { abortReason, onAbort } from "../../yolov5/calls/abort.js";
import type { Device } from "../../yolov5/runner.js";
import type { Answer, FromHost, Request, SliceProgress, ToHost } from "./protocol.js";
import type { Started } from "./started.js";

interface Pending {
  resolve(answer: Answer): void;
  reject(error: unknown): void;
  readonly stopListening: () => void;
}

/** Messages about a request before its answer. */
interface Listeners {
  readonly onWarning?: ((text: string) => void) | undefined;
  readonly onSlice?: ((progress: SliceProgress) => void) | undefined;
}

/** Bitmaps and frames hold graphics memory and must be closed; buffers need not. */
function closeUnsent(given: readonly Transferable[]): void {
  for (const item of given) if ("close" in item && !(item instanceof MessagePort)) item.close();
}

export class Connection {
  private readonly started: Started;
  private readonly options: Pick<LoadOptions, "onProgress" | "onNote">;
  private readonly pending = new Map<number, Pending>();
  private readonly listeners = new Map<number, Listeners>();
  private outgoing: Promise<unknown> = Promise.resolve();
  private nextId = 1;
  private closed: { readonly reason: unknown } | undefined;
  private lastDevice: Device | undefined;

  constructor(started: Started, options: Pick<LoadOptions, "onProgress" | "onNote">) {
    this.started = started;
    this.options = options;
    started.port.onmessage = (event: MessageEvent<FromHost>) => this.receive(event.data);
    if (typeof Worker !== "undefined" && started.port instanceof Worker) {
      started.port.onerror = (event) => {
        event.preventDefault();
        this.close(new DeviceError(`the worker ended: ${event.message || "no message"}; load the model again`));
      };
    }
  }

  /** As of the last answer; the model is opened with the first. */
  get device(): Device {
    invariant(this.lastDevice, "the worker has not answered yet");
    return this.lastDevice;
  }

  get unanswered(): number {
    return this.pending.size;
  }

  get ended(): boolean {
    return this.closed !== undefined;
  }

  /** Reserves a number for a later request. */
  reserve(listeners: Listeners = {}): number {
    const id = this.nextId++;
    this.listeners.set(id, listeners);
    return id;
  }

  ask(request: Request): Promise<Answer> {
    return this.askAs(this.reserve(), Promise.resolve([request, []]));
  }

  /**
   * Sends a request once it is ready and all earlier ones have been sent.
   * @param signal rejects with its reason at once; the worker is notified, and what was to be given to it is closed
   */
  askAs(
    id: number,
    ready: Promise<readonly [Request, Transferable[]]>,
    signal?: AbortSignal | undefined,
  ): Promise<Answer> {
    const turn = Promise.allSettled([ready, this.outgoing]);
    this.outgoing = turn;
    return new Promise((resolve, reject) => {
      this.pending.set(id, { resolve, reject, stopListening: onAbort(signal, (reason) => this.abort(id, reason)) });
      if (signal?.aborted) this.abort(id, abortReason(signal));
      if (this.closed) this.settle(id, (pending) => pending.reject(this.closed?.reason));
      void turn.then(([made]) => {
        if (!this.pending.has(id)) {
          if (made.status === "fulfilled") closeUnsent(made.value[1]);
          return;
        }
        if (made.status === "rejected") return this.settle(id, (pending) => pending.reject(made.reason));
        const [request, given] = made.value;
        try {
          this.started.port.postMessage({ ...request, id } satisfies ToHost, given);
        } catch (error) {
          this.settle(id, (pending) => pending.reject(error));
        }
      });
    });
  }

  /** Ends the worker; pending and later requests reject with `reason`. */
  close(reason: unknown): void {
    if (this.closed) return;
    this.closed = { reason: reason ?? new DisposedError("the model") };
    for (const id of [...this.pending.keys()]) this.abort(id, this.closed.reason);
    this.started.decoders?.close();
    // A model on this thread must be disposed of explicitly; a worker frees its memory when it ends.
    this.started.port.postMessage({ type: "dispose", id: 0 } satisfies ToHost);
    const isWorker = typeof Worker !== "undefined" && this.started.port instanceof Worker;
    if (isWorker) this.started.terminate();
    else setTimeout(() => this.started.terminate(), 1000);
  }

  /** Tells the worker, which may be waiting for a server, or hold the request in its queue. */
  private abort(id: number, reason: unknown): void {
    if (!this.pending.has(id)) return;
    this.settle(id, (pending) => pending.reject(reason));
    this.started.port.postMessage({ type: "abort", id } satisfies ToHost);
  }

  private settle(id: number, act: (pending: Pending) => void): void {
    const pending = this.pending.get(id);
    this.pending.delete(id);
    this.listeners.delete(id);
    if (!pending) return;
    pending.stopListening();
    act(pending);
  }

  private receive(message: FromHost): void {
    switch (message.type) {
      case "started":
        break;
      case "decoder": {
        const { decoder, port } = message;
        const ended = (reason: string): void =>
          this.started.port.postMessage({ type: "decoderEnded", decoder, reason } satisfies ToHost);
        void this.started.decoders?.open(decoder, port, ended);
        break;
      }
      case "progress":
        this.options.onProgress?.({ loaded: message.loaded, total: message.total });
        break;
      case "note":
        this.options.onNote?.(message.text);
        break;
      case "warning":
        this.listeners.get(message.id)?.onWarning?.(message.text);
        break;
      case "slice":
        this.listeners.get(message.id)?.onSlice?.({ done: message.done, total: message.total });
        break;
      case "answer":
        if (message.device) this.lastDevice = message.device;
        this.settle(message.id, (pending) => pending.resolve(message.answer));
        break;
      case "failed":
        this.settle(message.id, (pending) => pending.reject(fromWire(message.error)));
        break;
    }
  }
}
