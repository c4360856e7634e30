/**
 * The memory that reading one file may take, beyond the file itself: 4 × its size + 64 MiB. Every allocation whose size
 * a file can declare is charged before it is made, so a hostile file ends in one clear error instead of an exhausted
 * heap. Tensors that are views of the file cost nothing.
 */

import { CheckpointError } from "../errors.js";

const BASE_BYTES = 64 * 2 ** 20;
const BYTES_PER_FILE_BYTE = 4;

export class Budget {
  readonly limit: number;
  private used = 0;
  private unpackedBytes = 0;

  constructor(private readonly fileBytes: number) {
    this.limit = BASE_BYTES + BYTES_PER_FILE_BYTE * fileBytes;
  }

  /** Counts what an entry of an archive unpacks to. */
  chargeUnpacked(bytes: number, what: string): void {
    this.charge(bytes, what);
    this.unpackedBytes += bytes;
  }

  /** What the forms may take that tensors get later: the same rule, over the file as unpacked. */
  forForms(): Budget {
    return new Budget(this.fileBytes + this.unpackedBytes);
  }

  /**
   * Counts `bytes` that are about to be allocated, or as many steps of work where something shared is gone through again.
   * @throws CheckpointError when the sum exceeds the limit.
   */
  charge(bytes: number, what: string): void {
    this.used += bytes;
    // Written so that NaN is refused as well.
    if (!(this.used <= this.limit)) {
      throw new CheckpointError(
        `needs more memory than a file of its size should (${what}, limit ${Math.round(this.limit / 2 ** 20)} MiB); it is damaged or hostile`,
        { what, bytes, limit: this.limit },
      );
    }
  }
}

/** Stops reading: the file's own data contradict each other. */
export function damaged(what: string, details: Readonly<Record<string, unknown>> = {}): never {
  throw new CheckpointError(`is damaged (${what}); download or copy it again`, details);
}

/**
 * Converts errors that the host throws because a file demands too much (a stack, array or string beyond its limits)
 * into a sentence about the file; other errors are returned unchanged.
 */
export function asFileError(cause: unknown): unknown {
  if (!(cause instanceof RangeError)) return cause;
  return new CheckpointError(
    `demands more than JavaScript can handle (${cause.message}); it is damaged or hostile`,
    {},
    { cause },
  );
}

/** Runs `read` and puts the file's name before the message of a `CheckpointError`: messages begin with a verb. */
export function aboutFile<T>(path: string | undefined, fallback: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    const cause = asFileError(error);
    if (!(cause instanceof CheckpointError)) throw cause;
    const details = path === undefined ? cause.details : { ...cause.details, path };
    throw new CheckpointError(`${path ?? fallback}: ${cause.message}`, details, { cause: cause.cause });
  }
}
