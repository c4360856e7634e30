/** Reads a request's body into memory, within limits on size and time. */

import type { IncomingMessage } from "node:http";
import type { ByteBudget } from "../batching/queueLimit.js";
import { clientGone, RequestError } from "../requestError.js";

export interface BodyLimits {
  readonly maxBody: number;
  /** Milliseconds. */
  readonly readTimeout: number;
  readonly budget: ByteBudget;
}

export interface Body {
  /** In its own memory, which can be transferred to a thread. */
  readonly bytes: Uint8Array;
  /** Returns its bytes to the budget. */
  readonly release: () => void;
}

/**
 * @throws RequestError 413 for a body above the limit, by its announced length or by its bytes; 408 for one that is too
 * slow; 415 for a compressed one; 429 if all bodies together are too large; 499 if the client goes away.
 */
export function readBody(request: IncomingMessage, { maxBody, readTimeout, budget }: BodyLimits): Promise<Body> {
  const { headers } = request;
  const encoding = headers["content-encoding"] ?? "identity";
  if (encoding !== "identity") {
    throw new RequestError(
      415,
      "body",
      `Content-Encoding ${encoding.slice(0, 40)} is not supported; send the body without it`,
    );
  }
  const tooLarge = (): RequestError =>
    new RequestError(413, "body", `the body is larger than ${maxBody} bytes, this server's limit; send less`);
  if (Number(headers["content-length"] ?? 0) > maxBody) throw tooLarge();
  const chunks: Buffer[] = [];
  let held = 0;
  const release = (): void => {
    budget.give(held);
    held = 0;
  };
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      request.off("data", onData).off("end", onEnd).off("close", onClose).off("error", onClose);
    };
    const fail = (error: RequestError): void => {
      stop();
      release();
      // The rest is discarded, and a late error of the connection is ignored.
      request.on("error", () => undefined).resume();
      reject(error);
    };
    const onData = (chunk: Buffer): void => {
      try {
        if (held + chunk.length > maxBody) throw tooLarge();
        budget.take(chunk.length);
        held += chunk.length;
        chunks.push(chunk);
      } catch (error) {
        fail(error as RequestError);
      }
    };
    const onEnd = (): void => {
      stop();
      const bytes = new Uint8Array(held);
      let at = 0;
      for (const chunk of chunks) {
        bytes.set(chunk, at);
        at += chunk.length;
      }
      resolve({ bytes, release });
    };
    const onClose = (): void => fail(clientGone());
    const timer = setTimeout(
      () => fail(new RequestError(408, "slow", `the body had not arrived after ${readTimeout / 1000} s`)),
      readTimeout,
    );
    request.on("data", onData).on("end", onEnd).on("close", onClose).on("error", onClose);
  });
}
