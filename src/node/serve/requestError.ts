/** The answer to a refused request, and which engine errors are the client's fault. */

import {
  DeviceLostError,
  DisposedError,
  EngineError,
  ImageError,
  LimitError,
  OptionError,
  ShapeError,
  UnsupportedError,
  WorkerError,
} from "../../errors.js";

/** Why a request was not answered with a result: the label of the metric. */
export type Refusal =
  | "key"
  | "origin"
  | "queue"
  | "memory"
  | "body"
  | "slow"
  | "deadline"
  | "gone"
  | "request"
  | "model"
  | "failed";

/** A refusal: HTTP status, one line for the client. */
export class RequestError extends Error {
  override readonly name = "RequestError";
  readonly status: number;
  readonly refusal: Refusal;
  /** Seconds after which to try again. */
  readonly retryAfter: number | undefined;

  constructor(status: number, refusal: Refusal, message: string, retryAfter?: number) {
    super(message);
    this.status = status;
    this.refusal = refusal;
    this.retryAfter = retryAfter;
  }
}

/** The client closed its connection: nothing is sent, whatever the status. 499 is nginx's number for it. */
export const clientGone = (): RequestError => new RequestError(499, "gone", "the client closed the connection");

/** Any error as a refusal. Messages of unexpected errors stay in the log. */
export function refusalOf(error: unknown): RequestError {
  if (error instanceof RequestError) return error;
  if (error instanceof ImageError) {
    const large = "maxPixels" in error.details || "maxBytes" in error.details;
    return new RequestError(large ? 413 : 400, "request", error.message);
  }
  if (error instanceof LimitError) return new RequestError(413, "request", error.message);
  if (error instanceof OptionError || error instanceof ShapeError || error instanceof UnsupportedError)
    return new RequestError(400, "request", error.message);
  if (error instanceof WorkerError || error instanceof DisposedError || error instanceof DeviceLostError)
    return new RequestError(503, "failed", error.message, 1);
  if (error instanceof EngineError) return new RequestError(500, "failed", error.message);
  return new RequestError(500, "failed", "internal error; the server's log has the details");
}
