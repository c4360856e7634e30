/** The digest that identifies a file's contents. */

import { createHash } from "node:crypto";

/** In hexadecimal. */
export function sha256(content: Uint8Array | string): string {
  return createHash("sha256").update(content).digest("hex");
}
