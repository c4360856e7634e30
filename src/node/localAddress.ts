/** Addresses that name what lies here or in themselves: `file:`, `data:`, and `blob:` of this process. */

import { fileURLToPath } from "node:url";
import { nameOfAddress, schemeOf } from "../api/address.js";
import { addressIn } from "../yolov5/input/given.js";

/** The path that a `file:` address names; undefined for one of another machine, or not well formed. */
export function pathOfFileAddress(address: string): string | undefined {
  try {
    return fileURLToPath(address);
  } catch {
    return undefined;
  }
}

/** What to say of such an address. */
export const FILE_ADDRESS_ADVICE = "names no file of this machine; write it as file:///folder/name, or give the path";

/** Where the bytes of a path or address are, or why they cannot be had. */
export type Place =
  | { readonly kind: "path" | "remote" | "inside"; readonly address: string; readonly shown: string }
  | { readonly kind: "nowhere"; readonly shown: string; readonly why: string };

/** No path of any system is as long; data without a scheme are. */
const LONGEST_PATH = 32_767;

/**
 * @param given path, address, or `URL`, of which every scheme counts, also one without `//`; undefined for everything else
 * @param what `picture` or `checkpoint`, for the advice
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
        why: `${address.length} characters are no path; give its bytes, or text in base64 as data:;base64,…`,
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
        `addresses of the kind ${scheme}: are not read; give http, https, file or data, a path, or the ${what}'s bytes`,
      );
  }
}

/** The bytes behind a `data:` address, or a `blob:` of this process. @throws what `refuse` makes of the reason. */
export async function bytesInside(address: string, what: string, refuse: (why: string) => Error): Promise<Uint8Array> {
  let bytes: ArrayBuffer;
  try {
    bytes = await (await fetch(address)).arrayBuffer();
  } catch {
    throw refuse(
      schemeOf(address) === "blob"
        ? "names no Blob of this process, or one that was revoked; give the Blob itself"
        : `is no well-formed data address; give the ${what}'s bytes`,
    );
  }
  return new Uint8Array(bytes);
}
