/** Servers for tests: a small network on a free port of this machine. */

import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { createServer, type ServeOptions, type YoloServer } from "../../../src/node.js";
import { REPOSITORY } from "../../support/reference.js";

export const fixture = (name: string): string => join(REPOSITORY, "test", "fixtures", "pytorch", name);
export const V6 = fixture("v6.pt");
export const PICTURE = fixture("picture.png");
export const pictureBytes = (): Uint8Array<ArrayBuffer> => new Uint8Array(readFileSync(PICTURE));

/** The small network, on the server's own thread. */
export function startSmall(options: ServeOptions = {}): Promise<YoloServer> {
  return createServer({ models: V6, backend: "wasm", threads: 1, workers: 0, port: 0, ...options });
}

/** Runs `use` with such a server and closes it. */
export async function withSmall<T>(options: ServeOptions, use: (server: YoloServer) => Promise<T>): Promise<T> {
  const server = await startSmall(options);
  try {
    return await use(server);
  } finally {
    await server.close();
  }
}

/** A small input, so that a request takes little. */
export const detectUrl = ({ url }: YoloServer, query = ""): string => `${url}/detect?imgsz=96${query}`;

export interface RawAnswer {
  readonly status: number;
  readonly text: string;
}

/** A connection on which a test says what goes over the wire, byte by byte. */
export class RawConnection {
  readonly socket: Socket;
  private text = "";
  private ended = false;
  private readonly wakers: (() => void)[] = [];

  constructor({ url }: { readonly url: string }) {
    const { hostname, port } = new URL(url);
    this.socket = connect(Number(port), hostname);
    this.socket.on("data", (data) => {
      this.text += data.toString("latin1");
      this.wake();
    });
    this.socket.on("close", () => {
      this.ended = true;
      this.wake();
    });
    // Cut off, as expected.
    this.socket.on("error", () => undefined);
  }

  send(text: string | Uint8Array): void {
    if (this.socket.writable) this.socket.write(text);
  }

  /** The first answer. @throws if the connection ends without one. */
  async answer(): Promise<RawAnswer> {
    for (;;) {
      const head = /^HTTP\/1\.1 (\d+)[\s\S]*?\r\n\r\n/.exec(this.text);
      const length = Number(/content-length: (\d+)/i.exec(head?.[0] ?? "")?.[1] ?? Number.NaN);
      if (head && this.text.length >= head[0].length + length) {
        return { status: Number(head[1]), text: this.text.slice(head[0].length, head[0].length + length) };
      }
      if (this.ended) throw new Error(`the connection ended after ${JSON.stringify(this.text)}`);
      await new Promise<void>((resolve) => this.wakers.push(resolve));
    }
  }

  close(): void {
    this.socket.destroy();
  }

  private wake(): void {
    for (const wake of this.wakers.splice(0)) wake();
  }
}

/** The value of a metric without labels, or with those given. */
export async function metric({ url }: YoloServer, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const line = text.split("\n").find((each) => each.startsWith(`${name} `));
  return Number(line?.split(" ")[1] ?? 0);
}

/** Largest difference. Two lists of different lengths are as far apart as can be. */
export function farthest(actual: ArrayLike<number>, expected: ArrayLike<number | bigint>): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY;
  let most = 0;
  for (let i = 0; i < expected.length; i++) most = Math.max(most, Math.abs(actual[i] - Number(expected[i])));
  return most;
}
