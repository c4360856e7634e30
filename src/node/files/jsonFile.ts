/** JSON files of any size, parsed in pieces: at once, hundreds of megabytes would keep timers and Ctrl-C waiting for seconds. */

import { JSONParser } from "@streamparser/json";
import { Breather } from "../../breathe.js";
import { readRegularFile } from "./regularFile.js";
import { asUtf8, decodeText } from "./textFile.js";

/** Up to here JSON.parse, which is faster, takes a few milliseconds. */
const AT_ONCE_BYTES = 1 << 20;
const PIECE_BYTES = 1 << 18;
/** Far beyond any real file: each level takes hundreds of bytes while it is open, for one byte of the file. */
const MOST_NESTED = 1000;

/** JSON that is nested deeper than any real file. */
export class NestedJsonError extends SyntaxError {
  override readonly name = "NestedJsonError";

  constructor() {
    super(`is nested more than ${MOST_NESTED} deep`);
  }
}

/**
 * @param signal ends the parsing.
 * @throws the system's error, or what `readRegularFile` throws; SyntaxError for anything else than one JSON value,
 *   NestedJsonError for one nested too deeply; the signal's reason once it is aborted.
 */
export async function readJsonFile(path: string, signal?: AbortSignal): Promise<unknown> {
  const bytes = await readRegularFile(path);
  const text = asUtf8(bytes);
  if (text.length > AT_ONCE_BYTES) return parseInPieces(text, signal);
  new Nesting().check(text);
  return JSON.parse(decodeText(text));
}

/** Counts the brackets that are open. */
class Nesting {
  private depth = 0;
  private inString = false;
  private escaped = false;

  /** The next piece of the text. @throws NestedJsonError. */
  check(piece: Uint8Array): void {
    for (const byte of piece) {
      if (this.escaped) this.escaped = false;
      else if (byte === 0x22) this.inString = !this.inString;
      else if (this.inString) this.escaped = byte === 0x5c;
      else if (byte === 0x5b || byte === 0x7b) {
        if (++this.depth > MOST_NESTED) throw new NestedJsonError();
      } else if (byte === 0x5d || byte === 0x7d) this.depth--;
    }
  }
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
  const nesting = new Nesting();
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
    const piece = bytes.subarray(at, at + PIECE_BYTES);
    nesting.check(piece);
    parser.write(piece);
    if (failure !== undefined) {
      throw new SyntaxError(`between byte ${at} and byte ${at + piece.length}`, { cause: failure });
    }
    await breather.rest();
  }
  if (!parser.isEnded) throw new SyntaxError("it ends too early");
  return value;
}
