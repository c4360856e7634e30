/**
 * Changes a WebAssembly module before it is compiled: limits its memory, makes its whole state reachable. Source:
 * WebAssembly core specification, section 5.5.
 */

import { unreachable } from "../errors.js";

const MEMORY_SECTION = 5;
const GLOBAL_SECTION = 6;
const EXPORT_SECTION = 7;
const GLOBAL = 3;
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

interface Section {
  readonly start: number;
  readonly body: number;
  readonly end: number;
}

/** Where a section lies in a module. */
function sectionOf(wasm: Uint8Array, id: number): Section | undefined {
  for (let start = HEADER_BYTES; start < wasm.length; ) {
    const [length, body] = readUnsigned(wasm, start + 1);
    const end = body + length;
    if (wasm[start] === id) return { start, body, end };
    start = end;
  }
  return undefined;
}

function replaced(wasm: Uint8Array, { start, end }: Section, body: readonly number[]): Uint8Array<ArrayBuffer> {
  const head = [wasm[start], ...unsigned(body.length)];
  const out = new Uint8Array(start + head.length + body.length + wasm.length - end);
  out.set(wasm.subarray(0, start));
  out.set(head, start);
  out.set(body, start + head.length);
  out.set(wasm.subarray(end), start + head.length + body.length);
  return out;
}

/** What the exports of a module's own globals are called: this, and their number. */
export const GLOBAL_NAME = "global";

/** A copy of a module that imports no globals, with all of its own exported. */
export function withGlobalsExported(wasm: Uint8Array): Uint8Array<ArrayBuffer> {
  const globals = sectionOf(wasm, GLOBAL_SECTION);
  const section = sectionOf(wasm, EXPORT_SECTION);
  if (!globals || !section) unreachable("the embedded module has no globals or no exports");
  const [count] = readUnsigned(wasm, globals.body);
  const [exported, first] = readUnsigned(wasm, section.body);
  const added = Array.from({ length: count }, (_, index) => {
    const name = Array.from(`${GLOBAL_NAME}${index}`, (letter) => letter.charCodeAt(0));
    return [...unsigned(name.length), ...name, GLOBAL, ...unsigned(index)];
  });
  const entries = wasm.subarray(first, section.end);
  return replaced(wasm, section, [...unsigned(exported + count), ...entries, ...added.flat()]);
}

interface MemoryPages {
  readonly section: Section;
  readonly least: number;
  /** What 32 bits can address if the module sets no limit. */
  readonly most: number;
}

/** Of a module with one memory: count, flags, minimum pages, and maximum pages if the lowest flag is set. */
function memoryPages(wasm: Uint8Array): MemoryPages {
  const section = sectionOf(wasm, MEMORY_SECTION);
  if (!section) unreachable("the embedded module has no memory of its own");
  const { body } = section;
  const [least, afterLeast] = readUnsigned(wasm, body + 2);
  return { section, least, most: (wasm[body + 1] & 1) === 0 ? 2 ** 16 : readUnsigned(wasm, afterLeast)[0] };
}

const withPages = (wasm: Uint8Array, section: Section, least: number, most: number): Uint8Array<ArrayBuffer> =>
  replaced(wasm, section, [1, 1, ...unsigned(least), ...unsigned(most)]);

/**
 * A copy of a module whose single memory grows to at most `maxBytes` or the module's own maximum, but not below its
 * initial size. Growing further fails as if the machine were out of memory.
 */
export function withMemoryBound(wasm: Uint8Array, maxBytes: number): Uint8Array<ArrayBuffer> {
  const { section, least, most } = memoryPages(wasm);
  return withPages(wasm, section, least, Math.max(least, Math.min(most, Math.floor(maxBytes / PAGE_BYTES))));
}

/** A copy of a module whose single memory starts with `bytes`: it asks for more when it needs more. */
export function withInitialMemory(wasm: Uint8Array, bytes: number): Uint8Array<ArrayBuffer> {
  const { section, most } = memoryPages(wasm);
  return withPages(wasm, section, Math.ceil(bytes / PAGE_BYTES), most);
}
