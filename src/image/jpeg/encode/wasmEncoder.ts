/** A picture's blocks by WebAssembly SIMD, a strip of eight rows at a time. */

import type { RgbImage } from "../../types.js";
import { WASM_BASE64 } from "./encoderModule.generated.js";
import { AT, COMPONENT, MOST_BLOCK_BYTES, STATE } from "./layout.js";

/** What a component's blocks are encoded with. */
export interface BlockTables {
  readonly factors: Float64Array;
  readonly dc: Uint32Array;
  readonly ac: Uint32Array;
}

/** Bits that do not fill a byte yet. */
export interface Rest {
  readonly pending: number;
  readonly count: number;
}

const SIDE = 8;
const PAGE = 65536;
/** A strip of the widest picture takes 14 MB. */
const MOST_PAGES = 256;
/** Read behind the last pixel. */
const OVERHANG = 16;

interface Encoder {
  readonly memory: WebAssembly.Memory;
  readonly strip: (pixels: number, stride: number, blocks: number) => void;
}

/** Opened by the first picture; null where this host cannot. */
let encoder: Encoder | null | undefined;

/** Null where there is no WebAssembly with SIMD, or a page's policy forbids it. */
function open(): Encoder | null {
  try {
    const bytes = Uint8Array.from(atob(WASM_BASE64), (letter) => letter.charCodeAt(0));
    const memory = new WebAssembly.Memory({ initial: 1, maximum: MOST_PAGES });
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } });
    return { memory, strip: exports.strip as Encoder["strip"] };
  } catch {
    return null;
  }
}

function grow(memory: WebAssembly.Memory, pages: number): boolean {
  try {
    memory.grow(pages);
    return true;
  } catch {
    return false;
  }
}

/**
 * @param components tables for Y, Cb and Cr
 * @param write receives the bytes of each strip, which are overwritten by the next
 * @returns undefined if this host cannot; then nothing was written
 */
export function encodeByWasm(
  { width, height, data }: RgbImage,
  components: readonly BlockTables[],
  write: (bytes: Uint8Array) => void,
): Rest | undefined {
  if (encoder === undefined) encoder = open();
  if (!encoder) return undefined;
  const { memory, strip } = encoder;
  const blocks = Math.ceil(width / SIDE);
  const stride = 3 * SIDE * blocks;
  const target = AT.pixels + SIDE * stride + OVERHANG;
  const missing = target + blocks * 3 * MOST_BLOCK_BYTES - memory.buffer.byteLength;
  if (missing > 0 && !grow(memory, Math.ceil(missing / PAGE))) return undefined;
  const bytes = new Uint8Array(memory.buffer);
  const words = new Int32Array(memory.buffer);
  bytes.fill(0, 0, AT.pixels);
  for (const [i, { factors, dc, ac }] of components.entries()) {
    const at = AT.components + i * COMPONENT.bytes;
    new Float64Array(memory.buffer, at + COMPONENT.factors, factors.length).set(factors);
    words.set(dc, (at + COMPONENT.dc) / 4);
    words.set(ac, (at + COMPONENT.ac) / 4);
  }
  const out = (AT.state + STATE.out) / 4;
  for (let top = 0; top < height; top += SIDE) {
    for (let row = 0; row < SIDE; row++) {
      // The last row and column are repeated beyond the picture.
      const from = Math.min(top + row, height - 1) * width * 3;
      const to = AT.pixels + row * stride;
      bytes.set(data.subarray(from, from + width * 3), to);
      for (let at = width * 3; at < stride; at++) bytes[to + at] = bytes[to + at - 3];
    }
    words[out] = target;
    strip(AT.pixels, stride, blocks);
    write(bytes.subarray(target, words[out]));
  }
  const waiting = words[(AT.state + STATE.waiting) / 4];
  return { pending: waiting, count: words[(AT.state + STATE.count) / 4] };
}
