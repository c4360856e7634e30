/** JPEGs segment by segment. */

import { bytes } from "../../weights/support.js";
import type { Draw } from "../draw.js";
import { be, reordered, sound } from "./chunks.js";

/** Segments of a sound JPEG with fields of frame, scans and tables changed. */
export function jpeg(draw: Draw): Uint8Array {
  const source = sound(draw, ".jpg");
  const parts: Uint8Array[] = [];
  for (let at = 2; at + 4 <= source.length && source[at] === 0xff; ) {
    const length = source[at + 1] === 0xd9 ? 0 : (source[at + 2] << 8) | source[at + 3];
    let end = at + 2 + length;
    // What a scan codes goes on to the next marker that is no restart.
    if (source[at + 1] === 0xda) {
      while (
        end < source.length &&
        !(source[end] === 0xff && source[end + 1] !== 0 && (source[end + 1] & 0xf8) !== 0xd0)
      )
        end++;
    }
    parts.push(source.slice(at, end));
    at = end;
  }
  const changed = parts.map((part) => {
    const frame = part[1] >= 0xc0 && part[1] <= 0xc2;
    if (!frame && !draw.chance(0.2)) return part;
    const out = part.slice();
    if (frame && draw.chance(0.3)) {
      const size = draw.odd(65535);
      out.set(bytes(be(size, 2)), draw.pick([5, 7]));
    }
    if (frame && draw.chance(0.2) && out.length > 12)
      out[11 + 3 * draw.below(Math.max(1, out[9]))] = draw.pick([0x11, 0x21, 0x22, 0x41, 0x14, 0x44, 0, 0xff, 0x31]);
    if (draw.chance(frame ? 0.1 : 0.7) && out.length > 4)
      out[2 + draw.below(Math.min(40, out.length - 2))] = draw.below(256);
    return out;
  });
  const restart = draw.chance(0.1) ? [bytes("\xff\xdd\0\x04", be(draw.odd(65535), 2))] : [];
  return bytes("\xff\xd8", ...reordered(draw, [...restart, ...changed]));
}
