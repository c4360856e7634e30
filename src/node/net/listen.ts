/** Why a server of this process cannot listen at the given address. */

import { createServer } from "node:net";
import { OptionError } from "../../errors.js";

/** Where a server listens. */
export interface Listening {
  readonly host: string;
  readonly port: number;
}

/** The host, not the port, is what is wrong. */
const NO_ADDRESS = new Set(["EADDRNOTAVAIL", "ENOTFOUND", "EAI_AGAIN", "EINVAL"]);

/**
 * The error of `listen` in one line.
 * @param what begins the line where a process has several ports: `gRPC port`.
 */
export function listenError(error: unknown, { host, port }: Listening, what = "port"): OptionError {
  const { code = "", message } = error as NodeJS.ErrnoException;
  const details = { host, port };
  if (NO_ADDRESS.has(code)) {
    return new OptionError(
      `host ${host}: is not an address of this machine; give 127.0.0.1 for this machine alone, or 0.0.0.0 for all`,
      details,
    );
  }
  const why =
    code === "EADDRINUSE"
      ? "something else listens there"
      : code === "EACCES"
        ? "this user may not listen there"
        : message;
  return new OptionError(`${what} ${port}: ${why}; give another one, or 0 for any that is free`, details);
}

/**
 * Listens for a moment, for servers that do not report why they could not.
 * @throws OptionError, as `listenError`.
 */
export async function checkListening(listening: Listening, what?: string): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(listenError(error, listening, what)));
    server.listen(listening.port, listening.host, resolve);
  });
  await new Promise<void>((resolve) => server.close(() => resolve()));
}
