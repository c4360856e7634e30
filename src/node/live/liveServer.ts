/**
 * A page on this machine that shows frames as they arrive, as `multipart/x-mixed-replace` of JPEGs, and the counts.
 * Every viewer gets the newest frame when it is ready for one; frames in between are passed over, so that a slow viewer
 * neither delays the others nor collects memory. Without viewers nothing is encoded.
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { encodeJpeg } from "../../image/encode.js";
import type { RgbImage } from "../../image/types.js";
import { printableJson } from "../../printable.js";
import { listenError } from "../net/listen.js";
import { PAGE, SCRIPT, STYLE } from "./page.js";

/** What the page shows besides the picture. */
export interface LiveStatus {
  readonly source: string;
  /** Why there are no frames at the moment. */
  readonly waiting?: string | undefined;
  readonly frames: number;
  readonly fps: number;
  /** Objects in the newest frame, by class name. */
  readonly counts: Readonly<Record<string, number>>;
}

/** Options of `LiveServer.open`. */
export interface LiveServerOptions {
  /** 0: any that is free. */
  readonly port: number;
  readonly source: string;
}

const BOUNDARY = "yolov5-frame";
const BETWEEN = `\r\n--${BOUNDARY}\r\n`;
const QUALITY = 80;
/** Only this machine sees the pictures. */
const HOST = "127.0.0.1";
/** Nor may another site whose host name resolves to this machine. */
const OWN_NAMES = new Set(["127.0.0.1", "localhost", "[::1]"]);
const HEADERS = {
  "Cache-Control": "no-store",
  "X-Content-Type-Options": "nosniff",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Content-Security-Policy":
    "default-src 'none'; img-src 'self'; script-src 'self'; style-src 'self'; connect-src 'self'; frame-ancestors 'none'",
};

interface Viewer {
  readonly response: ServerResponse;
  /** Number of the last frame sent to it. */
  sent: number;
}

export class LiveServer {
  /** `http://127.0.0.1:8080/`. */
  readonly address: string;
  private readonly server: Server;
  private readonly viewers = new Set<Viewer>();
  private status: LiveStatus;
  /** The newest frame as a part of the stream, and its number. */
  private part: Buffer | undefined;
  private number = 0;

  private constructor(server: Server, source: string) {
    const { port } = server.address() as AddressInfo;
    this.server = server;
    this.address = `http://${HOST}:${port}/`;
    this.status = { source, frames: 0, fps: 0, counts: {} };
    server.on("request", (request, response) => this.answer(request, response));
  }

  /** @throws OptionError if the port is taken or not allowed. */
  static async open({ port, source }: LiveServerOptions): Promise<LiveServer> {
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error) => reject(listenError(error, { host: HOST, port })));
      server.listen(port, HOST, resolve);
    });
    return new LiveServer(server, source);
  }

  /** Pages that are watching. */
  get watching(): number {
    return this.viewers.size;
  }

  /** Shows a frame to all viewers; its pixels may change afterwards. */
  show(image: RgbImage): void {
    if (this.viewers.size === 0) {
      // The next viewer must not see an old one.
      this.part = undefined;
      return;
    }
    const jpeg = encodeJpeg(image, QUALITY);
    const head = `Content-Type: image/jpeg\r\nContent-Length: ${jpeg.length}\r\n\r\n`;
    // Browsers show a picture when the next boundary comes.
    this.part = Buffer.concat([Buffer.from(head), jpeg, Buffer.from(BETWEEN)]);
    this.number++;
    for (const viewer of this.viewers) this.send(viewer);
  }

  /** Sets what the page shows from now on. */
  tell(status: Partial<LiveStatus>): void {
    this.status = { ...this.status, ...status };
  }

  /** Ends all streams. */
  async close(): Promise<void> {
    for (const { response } of this.viewers) response.end();
    this.server.closeAllConnections();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    const host = /^(.*?)(:\d+)?$/.exec(request.headers.host ?? "")?.[1] ?? "";
    const [path] = (request.url ?? "/").split("?");
    const send = (type: string, text: string): void => {
      response.writeHead(200, { ...HEADERS, "Content-Type": type }).end(request.method === "HEAD" ? "" : text);
    };
    if (!OWN_NAMES.has(host)) response.writeHead(403, HEADERS).end("only for this machine\n");
    else if (request.method !== "GET" && request.method !== "HEAD") {
      response.writeHead(405, { ...HEADERS, Allow: "GET, HEAD" }).end();
    } else if (path === "/") send("text/html; charset=utf-8", PAGE);
    else if (path === "/page.js") send("text/javascript; charset=utf-8", SCRIPT);
    else if (path === "/page.css") send("text/css; charset=utf-8", STYLE);
    else if (path === "/status")
      send("application/json", printableJson({ ...this.status, viewers: this.viewers.size }));
    else if (path === "/stream" && request.method === "GET") this.stream(response);
    else response.writeHead(404, HEADERS).end("not found\n");
  }

  private stream(response: ServerResponse): void {
    response.writeHead(200, { ...HEADERS, "Content-Type": `multipart/x-mixed-replace; boundary=${BOUNDARY}` });
    // Small frames must not wait for each other.
    response.socket?.setNoDelay(true);
    response.write(BETWEEN.trimStart());
    const viewer: Viewer = { response, sent: 0 };
    this.viewers.add(viewer);
    const leave = (): void => void this.viewers.delete(viewer);
    response.on("close", leave);
    response.on("error", leave);
    response.on("drain", () => this.send(viewer));
    this.send(viewer);
  }

  /** Sends the newest frame, unless an earlier one is still on its way. */
  private send(viewer: Viewer): void {
    const { part, number } = this;
    const { response } = viewer;
    if (!part || viewer.sent === number || response.writableNeedDrain || response.writableLength > 0) return;
    viewer.sent = number;
    response.write(part, () => this.send(viewer));
  }
}
