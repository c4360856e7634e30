/** `file:` and `data:` addresses: what they name lies here or in themselves. */

import { fileURLToPath } from "node:url";
import { shownAddress } from "./address.js";

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

/** The bytes that a `data:` address holds, undefined for one that is not well formed. */
export async function bytesOfDataAddress(address: string): Promise<Uint8Array | undefined> {
  try {
    return new Uint8Array(await (await fetch(address)).arrayBuffer());
  } catch {
    return undefined;
  }
}

/** An address as messages and results name it: of data only the beginning. */
export function nameOfAddress(address: string): string {
  return /^data:/i.test(address) && address.length > 40 ? `${address.slice(0, 32)}…` : shownAddress(address);
}
