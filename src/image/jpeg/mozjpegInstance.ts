/**
 * mozjpeg's module without the glue of its package: the few functions that it calls, which can do nothing but hand over
 * pixels. One instance decodes many pictures. Before each it is in the state that a new instance has, whatever the
 * pictures before it were: its memory and its globals are all that a module without imported objects can change. An
 * instance that has failed, or whose memory has grown large, is thrown away.
 */

import type { DecodeBudget } from "../limits.js";
import { BoundedModule, type EmbeddedWasm, type WasmDecoded, withoutAlpha } from "../wasmDecoder.js";
import { GLOBAL_NAME, withGlobalsExported, withInitialMemory } from "../wasmMemory.js";

/** Room for what the decoder itself needs and for a small picture; the module's own 16 MB would have to be cleared each time. */
const INITIAL_BYTES = 2 ** 20;
/** Memory beyond which an instance is not kept: it would hold it for ever. */
const MOST_KEPT_BYTES = 2 ** 25;
/** By how much memory grows at least, so that it need not grow for every row. */
const GROWTH = 1.2;
const PAGE_BYTES = 2 ** 16;
const STANDARD_ERROR = 2;
/** Any handle of a value will do: none is ever looked up. Those below 10 are constants of embind. */
const SOME_VALUE = 10;
/** What the module calls with: the type of pixels and their memory, or the type of pictures with pixels, width and height. */
const PIXELS_ARGUMENTS = 2;
const ARGUMENT_BYTES = 8;
/** Thrown through the module, which ends with it. */
class Ended extends Error {}

type Numbers = (...args: readonly number[]) => number;

/** What stands behind the short names of the module's exports (scripts/embedDecoders.mjs says which module it is). */
interface Exports {
  readonly memory: WebAssembly.Memory;
  readonly construct: Numbers;
  readonly allocate: Numbers;
  readonly functions: WebAssembly.Table;
  readonly globals: readonly WebAssembly.Global[];
}

function exportsOf({ exports }: WebAssembly.Instance): Exports {
  const { A, B, D, F, ...others } = exports;
  const globals = Object.keys(others).filter((name) => name.startsWith(GLOBAL_NAME));
  return {
    memory: A as WebAssembly.Memory,
    construct: B as Numbers,
    allocate: D as Numbers,
    functions: F as WebAssembly.Table,
    globals: globals.map((name) => others[name] as WebAssembly.Global),
  };
}

class MozjpegInstance {
  private readonly exports: Exports;
  private bytes: Uint8Array;
  private words: Uint32Array;
  /** The function that decodes, and its argument: what it calls. */
  private decoder: readonly [invoker: number, target: number] = [0, 0];
  /** As they are when the module is new. */
  private readonly initialMemory: Uint8Array;
  private readonly initialGlobals: readonly number[];
  private warned = false;
  private maxPixels = 0;
  /** What it has handed over. */
  private given: { pixels?: Uint8Array; width: number; height: number } = { width: 0, height: 0 };

  constructor(readonly module: WebAssembly.Module) {
    this.exports = exportsOf(new WebAssembly.Instance(module, { a: this.imports() }));
    const { memory, construct, globals } = this.exports;
    this.bytes = new Uint8Array(memory.buffer);
    this.words = new Uint32Array(memory.buffer);
    construct();
    this.refresh();
    this.initialMemory = this.bytes.slice();
    this.initialGlobals = globals.map(({ value }) => value as number);
  }

  /** @throws Ended; a trap. */
  decode(file: Uint8Array, maxPixels: number): WasmDecoded {
    const { allocate, functions } = this.exports;
    const [invoker, target] = this.decoder;
    this.warned = false;
    this.maxPixels = maxPixels;
    this.given = { width: 0, height: 0 };
    // A string as embind passes it: its length, then its bytes.
    const text = allocate(4 + file.length + 1);
    this.refresh();
    if (text === 0) throw new Ended();
    this.words[text >> 2] = file.length;
    this.bytes.set(file, text + 4);
    const preserveOrientation = 0;
    (functions.get(invoker) as Numbers)(target, text, preserveOrientation);
    const { given, warned } = this;
    const { pixels: data, width, height } = given;
    return { image: data?.length === width * height * 3 ? { width, height, data } : undefined, warned };
  }

  /** Makes it as new. False if its memory is too large to keep. */
  reset(): boolean {
    this.refresh();
    const { bytes, initialMemory, initialGlobals } = this;
    if (bytes.length > MOST_KEPT_BYTES) return false;
    bytes.fill(0, initialMemory.length);
    bytes.set(initialMemory);
    this.exports.globals.forEach((global, i) => {
      if (global.value !== initialGlobals[i]) global.value = initialGlobals[i];
    });
    return true;
  }

  /** Growing memory detaches its views. */
  private refresh(): void {
    const { buffer } = this.exports.memory;
    if (this.bytes.buffer === buffer) return;
    this.bytes = new Uint8Array(buffer);
    this.words = new Uint32Array(buffer);
  }

  /** By the short names of the module, with those of Emscripten. */
  private imports(): WebAssembly.ModuleImports {
    const ended = (): never => {
      throw new Ended();
    };
    const nothing = (): number => 0;
    return {
      /** _embind_register_memory_view, _bool, _std_string, _integer, _std_wstring, _float, _emval, _void, _bigint */
      ...{ a: nothing, m: nothing, e: nothing, b: nothing, c: nothing, j: nothing, l: nothing, n: nothing, q: nothing },
      /** _embind_register_function: name, number and addresses of types, signature, invoker, target, … */
      f: (_name: number, _count: number, _types: number, _signature: number, invoker: number, target: number) => {
        this.decoder = [invoker, target];
      },
      /** _emval_get_global, _emval_decref, _emval_incref, _emval_run_destructors */
      ...{ k: () => SOME_VALUE, d: nothing, y: nothing, g: nothing },
      /** _emval_get_method_caller: its number is how many types it has, of which the first is the result's */
      h: (types: number) => types,
      /** _emval_call */
      i: (types: number, _type: number, _destructors: number, args: number) => {
        this.refresh();
        if (types === PIXELS_ARGUMENTS) this.take(this.words[args >> 2], this.words[(args >> 2) + 1]);
        else {
          this.given.width = this.words[(args + ARGUMENT_BYTES) >> 2];
          this.given.height = this.words[(args + 2 * ARGUMENT_BYTES) >> 2];
        }
        return SOME_VALUE;
      },
      /** _emscripten_memcpy_js */
      v: (to: number, from: number, length: number) => {
        this.refresh();
        this.bytes.copyWithin(to >>> 0, from >>> 0, (from >>> 0) + (length >>> 0));
      },
      /** emscripten_resize_heap */
      s: (bytes: number) => Number(this.grow(bytes >>> 0)),
      /** environ_sizes_get: there are no variables, and they take no bytes */
      u: (count: number, size: number) => {
        this.refresh();
        this.words[count >> 2] = 0;
        this.words[size >> 2] = 0;
        return 0;
      },
      /** fd_write: messages of the decoder */
      x: (file: number, parts: number, count: number, written: number) => {
        this.refresh();
        if (file === STANDARD_ERROR) this.warned = true;
        let total = 0;
        for (let i = 0; i < count; i++) total += this.words[(parts >> 2) + 2 * i + 1];
        this.words[written >> 2] = total;
        return 0;
      },
      /** environ_get, fd_close, fd_seek */
      ...{ t: nothing, w: nothing, p: nothing },
      /** __cxa_throw, abort, exit */
      ...{ o: ended, r: ended, z: ended },
    };
  }

  /** Takes the pixels out of the module's memory, which it frees next. */
  private take(length: number, from: number): void {
    if (length % 4 !== 0 || length / 4 > this.maxPixels) throw new Ended();
    this.given.pixels = withoutAlpha(this.bytes.subarray(from, from + length), length / 4);
  }

  private grow(bytes: number): boolean {
    const { memory } = this.exports;
    const has = memory.buffer.byteLength;
    for (const wanted of [Math.max(bytes, has * GROWTH), bytes]) {
      try {
        memory.grow(Math.ceil((wanted - has) / PAGE_BYTES));
        this.refresh();
        return true;
      } catch {
        // Beyond its limit, or the machine's.
      }
    }
    return false;
  }
}

/** The decoder of one thread, which decodes one picture after the other. */
export class Mozjpeg {
  private readonly bounded: BoundedModule;
  private idle: MozjpegInstance | undefined;

  constructor(embedded: EmbeddedWasm) {
    this.bounded = new BoundedModule(embedded, (wasm) => withInitialMemory(withGlobalsExported(wasm), INITIAL_BYTES));
  }

  /** As `BoundedModule`. */
  module(maxBytes: number): Promise<WebAssembly.Module> {
    return this.bounded.module(maxBytes);
  }

  /** @throws ImageError if the picture turns out to be larger than its header said and the budget allows. */
  async decode(file: Uint8Array, budget: DecodeBudget): Promise<WasmDecoded> {
    const module = await this.module(budget.maxWasmBytes);
    const instance = this.idle?.module === module ? this.idle : new MozjpegInstance(module);
    this.idle = undefined;
    let decoded: WasmDecoded;
    try {
      decoded = instance.decode(file, budget.maxPixels);
    } catch {
      // An error exit, a trap or out of memory; the instance is discarded.
      return { image: undefined, warned: true };
    }
    if (instance.reset()) this.idle = instance;
    const { image } = decoded;
    if (image) budget.size(image.width, image.height);
    return decoded;
  }
}
