/** Deflate into a buffer of known size: stops soon after that is full, however much more a stream would expand to. */

import { Inflate, inflateSync } from "fflate";

/** Deflate's maximum expansion. */
export const MAX_DEFLATE_RATIO = 1032;
/** Streams of so few bytes are unpacked at once: even all that they may expand to takes little time. */
const FEW = 2 ** 12;
/** Bytes that a piece of a longer stream should expand to, and how many compressed bytes it may have. */
const PIECE = 2 ** 18;
const MOST_PACKED = 2 ** 16;
const LEAST_PACKED = 2 ** 7;
/** A stored block gives nothing until all of its up to 64 KiB are there. More bytes without a result lie behind the end. */
const MOST_SILENT = 2 ** 17;

/**
 * @param packed a raw Deflate stream; what follows it is ignored.
 * @param out filled as far as the stream goes.
 * @returns the number of bytes that were unpacked; for a stream that goes on when `out` is full, how many at most.
 * @throws Error for a stream that is damaged or cut off before `out` is full.
 */
export function inflateInto(packed: Uint8Array, out: Uint8Array): number {
  return packed.length <= FEW ? atOnce(packed, out) : inPieces(packed, out);
}

function atOnce(packed: Uint8Array, out: Uint8Array): number {
  // One byte more, to see whether the stream goes on; what lies beyond is unpacked, but written nowhere.
  const found = inflateSync(packed, { out: new Uint8Array(out.length + 1) });
  out.set(found.subarray(0, out.length));
  return found.length <= out.length ? found.length : packed.length * MAX_DEFLATE_RATIO;
}

function inPieces(packed: Uint8Array, out: Uint8Array): number {
  let unpacked = 0;
  const inflate = new Inflate((bytes) => {
    if (unpacked < out.length) out.set(bytes.subarray(0, out.length - unpacked), unpacked);
    unpacked += bytes.length;
  });
  let silent = 0;
  for (let at = 0; at < packed.length && unpacked < out.length && silent <= MOST_SILENT; ) {
    // As the stream has expanded so far; at first, as far as a stream can.
    const wanted = Math.ceil(unpacked === 0 ? PIECE / MAX_DEFLATE_RATIO : (PIECE * at) / unpacked);
    const length = Math.max(LEAST_PACKED, Math.min(MOST_PACKED, wanted, out.length - unpacked));
    const piece = packed.subarray(at, at + length);
    at += length;
    const before = unpacked;
    inflate.push(piece, at >= packed.length);
    silent = unpacked > before ? 0 : silent + piece.length;
  }
  return unpacked;
}
