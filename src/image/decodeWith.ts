/** The common part of decoding, whichever decoders are available. */

import { ImageError, invariant } from "../errors.js";
import { type BudgetOptions, DecodeBudget } from "./limits.js";
import { type PictureFormat, sniff } from "./sniff.js";
import type { RgbImage } from "./types.js";

export interface DecodeOptions extends BudgetOptions {
  /** File name for messages. */
  readonly path?: string | undefined;
}

/** The bytes of a file of one format → upright RGB. */
export type Decoder = (bytes: Uint8Array, budget: DecodeBudget) => RgbImage | Promise<RgbImage>;

export type Decoders = Readonly<Partial<Record<PictureFormat, Decoder>>>;

/**
 * Detects the format from the bytes and decodes them.
 * @throws ImageError with one line: the file, what it is, and how to fix it.
 */
export async function decodeWith(
  decoders: Decoders,
  bytes: Uint8Array,
  options: DecodeOptions = {},
): Promise<RgbImage> {
  const what = options.path ?? "picture";
  const found = sniff(bytes);
  if (found.kind === "other") {
    throw new ImageError(`${what}: is ${found.what}`, { path: options.path, bytes: bytes.length });
  }
  const decoder = decoders[found.format];
  invariant(decoder, `there is no decoder for ${found.format}`);
  try {
    return await decoder(bytes, new DecodeBudget(what, options));
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new ImageError(`${what}: too large to decode in memory`, { path: options.path }, { cause });
  }
}
