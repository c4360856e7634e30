/**
 * A peer's own process (`bench/peers/worker.mjs`): several native runtimes in one process disturb each other or
 * crash.
 */

import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";

/** Arguments of the worker's `open`. */
interface PeerModel {
  readonly engine: string;
  readonly provider: string;
  /** Path of the ONNX file. */
  readonly model: string;
  readonly input: { readonly data: Float32Array; readonly shape: readonly number[] };
  readonly threads: number;
}

/** Its reply. */
interface PeerOpened {
  /** From the model's bytes to the first outputs. */
  readonly coldMs: number;
  readonly outputs: readonly { readonly data: Float32Array; readonly shape: readonly number[] }[];
}

interface Methods {
  open: { readonly params: PeerModel; readonly result: PeerOpened };
  /** Milliseconds of one run, measured inside the process. */
  time: { readonly params: undefined; readonly result: number };
}

interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}

interface Waiting {
  readonly resolve: (result: never) => void;
  readonly reject: (error: Error) => void;
}

/** Lines of standard error kept to explain a crash. */
const KEPT_LINES = 5;

export class PeerProcess {
  private readonly child: ChildProcess;
  private readonly waiting = new Map<number, Waiting>();
  private lastWords: string[] = [];
  private ended: Error | undefined;
  private nextId = 0;

  constructor(folder: string) {
    // Advanced serialisation passes typed arrays unchanged. The streams are piped because runtimes log to both.
    this.child = fork(join(folder, "worker.mjs"), {
      serialization: "advanced",
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    this.child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.lastWords = [...this.lastWords, ...text.split("\n").filter((line) => line.trim() !== "")].slice(-KEPT_LINES);
    });
    this.child.on("message", (message) => this.settle(message as Answer));
    this.child.on("error", (error) => this.end(error));
    this.child.on("exit", (code, signal) => {
      const words = this.lastWords.length > 0 ? `: ${this.lastWords.join(" ")}` : "";
      this.end(new Error(`its process ended with ${signal ?? `exit code ${code}`}${words}`));
    });
  }

  call<M extends keyof Methods>(
    method: M,
    ...[params]: Methods[M]["params"] extends undefined ? [] : [Methods[M]["params"]]
  ): Promise<Methods[M]["result"]> {
    return new Promise((resolve, reject) => {
      if (this.ended) {
        reject(this.ended);
        return;
      }
      const id = this.nextId++;
      this.waiting.set(id, { resolve, reject });
      this.child.send({ id, method, params });
    });
  }

  /** Kills the process at once, even in the middle of a run: it has nothing to save. */
  close(): void {
    this.ended ??= new Error("its process was ended");
    this.child.kill("SIGKILL");
  }

  private settle({ id, result, error }: Answer): void {
    const waiting = this.waiting.get(id);
    this.waiting.delete(id);
    if (error === undefined) waiting?.resolve(result as never);
    else waiting?.reject(new Error(error));
  }

  private end(reason: Error): void {
    this.ended ??= reason;
    for (const { reject } of this.waiting.values()) reject(this.ended);
    this.waiting.clear();
  }
}
