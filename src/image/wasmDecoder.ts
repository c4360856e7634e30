/**
 * The common part of the WebAssembly decoders. Their modules are embedded in the JavaScript (`*Wasm.generated.ts`),
 * so Node, bundlers and browsers load them in the same way, without a fetch. Each picture gets its own instance
 * (about 1 ms), so that a damaged file cannot leave anything behind and its memory is freed. JPEGs, which are most
 * pictures, do it in another way: see `jpeg/mozjpegInstance.ts`.
 */

import { inflateInto } from "../inflate.js";
import { DecodeBudget } from "./limits.js";
import type { RgbImage } from "./types.js";
import { withMemoryBound } from "./wasmMemory.js";

/** The embedded form of a module. */
export interface EmbeddedWasm {
  readonly WASM_BASE64: string;
  readonly WASM_BYTES: number;
}

export interface Rgba {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8ClampedArray | Uint8Array;
}

/** The JavaScript glue that Emscripten generates for a module. */
export type ModuleFactory<Instance> = (options: {
  readonly noInitialRun: boolean;
  readonly print: () => void;
  readonly printErr: () => void;
  readonly locateFile: (name: string) => string;
  readonly instantiateWasm: (
    imports: WebAssembly.Imports,
    done: (instance: WebAssembly.Instance) => void,
  ) => WebAssembly.Exports;
}) => Promise<Instance>;

function unpack({ WASM_BASE64, WASM_BYTES }: EmbeddedWasm): Uint8Array {
  // Node's own unpacking saves 20 ms of a cold start.
  const zlib = globalThis.process?.getBuiltinModule?.("node:zlib");
  if (zlib) return new Uint8Array(zlib.inflateRawSync(Buffer.from(WASM_BASE64, "base64")));
  const text = atob(WASM_BASE64);
  const packed = new Uint8Array(text.length);
  for (let i = 0; i < packed.length; i++) packed[i] = text.charCodeAt(i);
  const wasm = new Uint8Array(WASM_BYTES);
  inflateInto(packed, wasm);
  return wasm;
}

/** An embedded module, compiled for a limit of its memory. */
export class BoundedModule {
  private readonly wasm: Uint8Array;
  /** The last compiled module and its memory limit, which callers hardly ever change. */
  private compiled: { readonly maxBytes: number; readonly module: Promise<WebAssembly.Module> } | undefined;

  /** @param adapt what is changed in the module's bytes. */
  constructor(embedded: EmbeddedWasm, adapt = (wasm: Uint8Array): Uint8Array => wasm) {
    this.wasm = adapt(unpack(embedded));
  }

  /** The module with its memory limited to `maxBytes`, whatever a file claims while it is decoded. */
  module(maxBytes: number): Promise<WebAssembly.Module> {
    if (this.compiled?.maxBytes !== maxBytes) {
      this.compiled = { maxBytes, module: WebAssembly.compile(withMemoryBound(this.wasm, maxBytes)) };
    }
    return this.compiled.module;
  }
}

/** A decoder and its glue, both imported as separate chunks when the first picture needs them. */
export class LoadedDecoder<Instance> extends BoundedModule {
  constructor(
    embedded: EmbeddedWasm,
    readonly createModule: ModuleFactory<Instance>,
  ) {
    super(embedded);
  }
}

/** A decoder that is loaded when the first picture needs it. Compiled code is immutable, so one copy is shared. */
export class OnDemand<Decoder extends { readonly module: (maxBytes: number) => Promise<WebAssembly.Module> }> {
  private loaded: Promise<Decoder> | undefined;

  constructor(private readonly open: () => Promise<Decoder>) {}

  /** @throws whatever prevents it from running: no WebAssembly, a page's security policy, a missing chunk. */
  async get(): Promise<Decoder> {
    this.loaded ??= this.load();
    try {
      return await this.loaded;
    } catch (error) {
      // The network may be back for the next picture.
      this.loaded = undefined;
      throw error;
    }
  }

  private async load(): Promise<Decoder> {
    const decoder = await this.open();
    await decoder.module(new DecodeBudget("").maxWasmBytes);
    return decoder;
  }
}

/** A decoder with the glue of its package. */
export class DecoderOnDemand<Instance> extends OnDemand<LoadedDecoder<Instance>> {
  constructor(
    embedded: () => Promise<EmbeddedWasm>,
    glue: () => Promise<{ readonly default: ModuleFactory<Instance> }>,
  ) {
    super(async () => {
      const [wasm, { default: createModule }] = await Promise.all([embedded(), glue()]);
      return new LoadedDecoder(wasm, createModule);
    });
  }
}

export interface WasmDecoded {
  /** Undefined if the decoder refused the file. */
  readonly image: RgbImage | undefined;
  /** The decoder wrote a warning. */
  readonly warned: boolean;
}

/**
 * Runs `decode` on a fresh instance and drops the alpha channel of the result.
 * @throws ImageError if the picture turns out to be larger than its header said and the budget allows.
 */
export async function decodeWithWasm<Instance>(
  decoder: LoadedDecoder<Instance>,
  budget: DecodeBudget,
  decode: (instance: Instance) => Rgba | null,
): Promise<WasmDecoded> {
  let warned = false;
  const module = await decoder.module(budget.maxWasmBytes);
  const instance = await decoder.createModule({
    noInitialRun: true,
    print: () => {},
    // Keeps the glue from locating its .wasm file, which fails in blob: workers.
    locateFile: (name) => name,
    printErr: () => {
      warned = true;
    },
    instantiateWasm: (imports, done) => {
      const created = new WebAssembly.Instance(module, imports);
      done(created);
      return created.exports;
    },
  });
  let rgba: Rgba | null;
  try {
    rgba = decode(instance);
  } catch {
    // An error exit, a trap or out of memory; the instance is discarded.
    return { image: undefined, warned };
  }
  if (!rgba) return { image: undefined, warned };
  const { width, height, data: source } = rgba;
  budget.size(width, height);
  return { image: { width, height, data: withoutAlpha(source, width * height) }, warned };
}

/**
 * R, G, B of each R, G, B, A. Four pixels at a time are three words instead of twelve bytes; WASM is little-endian. The words
 * are signed and have names of their own: the first picture is done before this is optimised, and then V8 keeps unsigned words
 * with alpha, and what is destructured, on its heap, several times the picture's size in all.
 */
export function withoutAlpha(source: Uint8Array | Uint8ClampedArray, pixels: number): Uint8Array {
  const data = new Uint8Array(pixels * 3);
  let done = 0;
  if (source.byteOffset % 4 === 0) {
    const fours = pixels >> 2;
    const from = new Int32Array(source.buffer, source.byteOffset, fours * 4);
    const to = new Int32Array(data.buffer, 0, fours * 3);
    const end = to.length;
    for (let i = 0, at = 0; at < end; i += 4, at += 3) {
      const b = from[i + 1];
      const c = from[i + 2];
      to[at] = (from[i] & 0xffffff) | (b << 24);
      to[at + 1] = ((b >> 8) & 0xffff) | (c << 16);
      to[at + 2] = ((c >> 16) & 0xff) | (from[i + 3] << 8);
    }
    done = fours * 4;
  }
  for (let i = done; i < pixels; i++) {
    for (let c = 0; c < 3; c++) data[i * 3 + c] = source[i * 4 + c];
  }
  return data;
}

/** Bytes that fill their whole buffer, since the glue reads the entire underlying buffer. */
export function ownBuffer(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer } = bytes;
  const own = buffer instanceof ArrayBuffer && buffer.byteLength === bytes.byteLength;
  return own ? new Uint8Array(buffer) : new Uint8Array(bytes);
}
