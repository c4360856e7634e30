/** JSON files of any size, parsed in pieces: at once, hundreds of megabytes would keep timers and Ctrl-C waiting for seconds. */

import { JSONParser } from "@streamparser/json";
import { Breather } from "../../breathe.js";
import { readRegularFile } from "./regularFile.js";
import { asUtf8, decodeText } from "./textFile.js";

/** Up to here JSON.parse, which is faster, takes a few milliseconds. */
const AT_ONCE_BYTES = 1 << 20;
const PIECE_BYTES = 1 << 18;

/**
 * @param signal ends the parsing.
 * @throws the system's error, or what `readRegularFile` throws; SyntaxError for anything else than one JSON value;
 *   the signal's reason once it is aborted.
 */
export async function readJsonFile(path: string, signal?: AbortSignal): Promise<unknown> {
  const bytes = await readRegularFile(path);
  return bytes.length <= AT_ONCE_BYTES ? JSON.parse(decodeText(bytes)) : parseInPieces(asUtf8(bytes), signal);
}

async function parseInPieces(bytes: Uint8Array, signal: AbortSignal | undefined): Promise<unknown> {
  const breather = new Breather(signal);
  let value: unknown;
  let failure: unknown;
  const parser = new JSONParser({ paths: ["$"] });
  parser.onValue = (whole) => {
    value = whole.value;
  };
  parser.onError = (error) => {
    failure ??= error;
  };
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
    const piece = bytes.subarray(at, at + PIECE_BYTES);
    parser.write(piece);
    if (failure !== undefined) {
      throw new SyntaxError(`between byte ${at} and byte ${at + piece.length}`, { cause: failure });
    }
    await breather.rest();
  }
  if (!parser.isEnded) throw new SyntaxError("it ends too early");
  return value;
}
