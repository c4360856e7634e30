/** The decoder's module and its memory. One instance decodes one picture after the other. */

import { WASM_BASE64 } from "./decoderModule.generated.js";

const PAGE = 65536;
/** Memory beyond which an instance is not kept: it would hold it for ever. */
const MOST_KEPT_PAGES = 256;

/** Pixels of rows `first` to before `end`, written to `to`. */
type Rows = (first: number, end: number, to: number) => void;

/** See `scripts/jpeg/decoder.ts`. */
export interface Decoder {
  readonly memory: WebAssembly.Memory;
  readonly unstuff: (from: number, end: number, to: number) => void;
  /** Goes to the next row of MCUs; `odd` is 1 for every other one. */
  readonly turn: (odd: number) => void;
  /** 0 if the data are damaged. */
  readonly mcus: (count: number) => number;
  readonly halved: Rows;
  readonly full: Rows;
  readonly plain: Rows;
}

let compiled: Promise<WebAssembly.Module | undefined> | undefined;
let idle: Decoder | undefined;

async function compile(): Promise<WebAssembly.Module | undefined> {
  try {
    return await WebAssembly.compile(Uint8Array.from(atob(WASM_BASE64), (letter) => letter.charCodeAt(0)));
  } catch {
    return undefined;
  }
}

/** Undefined where there is no WebAssembly with SIMD, or a page's policy forbids it. */
export function decoderModule(): Promise<WebAssembly.Module | undefined> {
  compiled ??= compile();
  return compiled;
}

/** A decoder with so much memory, for one picture; undefined if this host has none. */
export function takeDecoder(module: WebAssembly.Module, bytes: number): Decoder | undefined {
  const pages = Math.ceil(bytes / PAGE);
  try {
    if (idle && pages <= MOST_KEPT_PAGES) {
      const decoder = idle;
      idle = undefined;
      const missing = pages - decoder.memory.buffer.byteLength / PAGE;
      if (missing > 0) decoder.memory.grow(missing);
      return decoder;
    }
    const memory = new WebAssembly.Memory({ initial: pages, maximum: Math.max(pages, MOST_KEPT_PAGES) });
    const { exports } = new WebAssembly.Instance(module, { env: { memory } });
    return { ...(exports as unknown as Omit<Decoder, "memory">), memory };
  } catch {
    return undefined;
  }
}

/** For the next picture, which overwrites all that this one has left. */
export function keepDecoder(decoder: Decoder): void {
  if (decoder.memory.buffer.byteLength <= MOST_KEPT_PAGES * PAGE) idle = decoder;
}
