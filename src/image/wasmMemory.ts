/**
 * Limits the memory of a WebAssembly module before it is compiled. Source: WebAssembly core specification, section
 * 5.5.
 */

import { unreachable } from "../errors.js";

const MEMORY_SECTION = 5;
const PAGE_BYTES = 2 ** 16;
/** Magic and version. */
const HEADER_BYTES = 8;

/** An unsigned LEB128 number at `at`, and the position after it. */
function readUnsigned(bytes: Uint8Array, at: number): readonly [value: number, end: number] {
  let value = 0;
  let end = at;
  for (let scale = 1; ; scale *= 128) {
    const byte = bytes[end++];
    value += (byte & 127) * scale;
    if (byte < 128) return [value, end];
  }
}

function unsigned(value: number): number[] {
  const out: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) out.push((rest & 127) | 128);
  return [...out, rest];
}

/**
 * A copy of a module whose single memory grows to at most `maxBytes` or the module's own maximum, but not below its
 * initial size. Growing further fails as if the machine were out of memory.
 */
export function withMemoryBound(wasm: Uint8Array, maxBytes: number): Uint8Array<ArrayBuffer> {
  for (let at = HEADER_BYTES; at < wasm.length; ) {
    const [length, body] = readUnsigned(wasm, at + 1);
    if (wasm[at] !== MEMORY_SECTION) {
      at = body + length;
      continue;
    }
    // One memory: count, flags, minimum pages, and maximum pages if the lowest flag is set.
    const [least, afterLeast] = readUnsigned(wasm, body + 2);
    const own = (wasm[body + 1] & 1) === 0 ? 2 ** 16 : readUnsigned(wasm, afterLeast)[0];
    const most = Math.max(least, Math.min(own, Math.floor(maxBytes / PAGE_BYTES)));
    const section = [1, 1, ...unsigned(least), ...unsigned(most)];
    const head = [MEMORY_SECTION, ...unsigned(section.length), ...section];
    const rest = wasm.subarray(body + length);
    const out = new Uint8Array(at + head.length + rest.length);
    out.set(wasm.subarray(0, at));
    out.set(head, at);
    out.set(rest, at + head.length);
    return out;
  }
  unreachable("the embedded module has no memory of its own");
}
