/** Local addresses: `file:`, `data:`, and `blob:` of this process. */

import { fileURLToPath } from "node:url";
import { nameOfAddress, schemeOf } from "../api/address.js";
import { addressIn } from "../yolov5/input/given.js";

/** The path of a `file:` address; undefined if it names another machine or is malformed. */
export function pathOfFileAddress(address: string): string | undefined {
  try {
    return fileURLToPath(address);
  } catch {
    return undefined;
  }
}

/** The message for such an address. */
export const FILE_ADDRESS_ADVICE =
  "does not name a file on this machine; write it as file:///folder/name, or give the path";

/** Where the bytes of a path or address are, or why they are not available. */
export type Place =
  | { readonly kind: "path" | "remote" | "inside"; readonly address: string; readonly shown: string }
  | { readonly kind: "nowhere"; readonly shown: string; readonly why: string };

/** Longer than any path on any system; only raw data is this long. */
const LONGEST_PATH = 32_767;

/**
 * @param given a path, an address, or a `URL`, whose scheme always counts, even without `//`; the result is
 * undefined for anything else.
 * @param what `picture` or `checkpoint`, for the message.
 */
export function placeOf(given: unknown, what: string): Place | undefined {
  const address = addressIn(given);
  if (address === undefined) return undefined;
  const shown = nameOfAddress(address);
  const nowhere = (why: string): Place => ({ kind: "nowhere", shown, why });
  if (address === "")
    return { kind: "nowhere", shown: what, why: "got an empty string; give its path, address or bytes" };
  const scheme = typeof given === "string" ? schemeOf(address) : address.slice(0, address.indexOf(":"));
  switch (scheme) {
    case undefined:
      if (address.length <= LONGEST_PATH) return { kind: "path", address, shown: address };
      return {
        kind: "nowhere",
        shown: what,
        why: `${address.length} characters are not a path; give the bytes, or base64 text as data:;base64,…`,
      };
    case "http":
    case "https":
      return { kind: "remote", address, shown };
    case "data":
    case "blob":
      return { kind: "inside", address, shown };
    case "file": {
      const path = pathOfFileAddress(address);
      return path === undefined ? nowhere(FILE_ADDRESS_ADVICE) : { kind: "path", address: path, shown: path };
    }
    default:
      return nowhere(
        `addresses of the kind ${scheme}: are not supported; give http, https, file or data, a path, or the ${what}'s bytes`,
      );
  }
}

/** The bytes of a `data:` address, or of a `blob:` of this process. @throws the error that `refuse` creates. */
export async function bytesInside(address: string, what: string, refuse: (why: string) => Error): Promise<Uint8Array> {
  let bytes: ArrayBuffer;
  try {
    bytes = await (await fetch(address)).arrayBuffer();
  } catch {
    throw refuse(
      schemeOf(address) === "blob"
        ? "names no Blob of this process, or a revoked one; give the Blob itself"
        : `is not a well-formed data: address; give the ${what}'s bytes`,
    );
  }
  return new Uint8Array(bytes);
}
