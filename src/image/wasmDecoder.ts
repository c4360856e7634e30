/**
 * What the WebAssembly decoders share. Their modules travel inside the JavaScript (`*Wasm.generated.ts`), so Node,
 * bundlers and browsers load them alike, without a fetch. Each picture gets an instance of its own (about 1 ms): a
 * damaged file can then leave nothing behind, and its memory is freed with it.
 */

import { inflateSync } from "fflate";
import type { RgbImage } from "./types.js";

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

/** The JavaScript around a module, as Emscripten writes it. */
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

/** A compiled decoder and its glue. Both are imported when the first picture needs them, in chunks of their own. */
export interface LoadedDecoder<Instance> {
  readonly module: WebAssembly.Module;
  readonly createModule: ModuleFactory<Instance>;
}

async function compileEmbedded({ WASM_BASE64, WASM_BYTES }: EmbeddedWasm): Promise<WebAssembly.Module> {
  const packed = Uint8Array.from(atob(WASM_BASE64), (c) => c.charCodeAt(0));
  return WebAssembly.compile(inflateSync(packed, { out: new Uint8Array(WASM_BYTES) }));
}

/** @throws whatever keeps it from running here: no WebAssembly, a page's security policy, a chunk that is missing. */
export async function loadDecoder<Instance>(
  embedded: Promise<EmbeddedWasm>,
  glue: Promise<{ readonly default: ModuleFactory<Instance> }>,
): Promise<LoadedDecoder<Instance>> {
  const [wasm, { default: createModule }] = await Promise.all([embedded, glue]);
  return { module: await compileEmbedded(wasm), createModule };
}

export interface WasmDecoded {
  /** Undefined where the decoder refused the file. */
  readonly image: RgbImage | undefined;
  /** The decoder wrote a warning. */
  readonly warned: boolean;
}

/** Runs `decode` on a fresh instance and drops the alpha channel of what it gives. */
export async function decodeWithWasm<Instance>(
  { module, createModule }: LoadedDecoder<Instance>,
  decode: (instance: Instance) => Rgba | null,
): Promise<WasmDecoded> {
  let warned = false;
  const instance = await createModule({
    noInitialRun: true,
    print: () => {},
    // Keeps the glue from asking where its .wasm file lies, which blob: workers cannot answer.
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
    // An error exit, a trap or out of memory: the instance is thrown away with it.
    return { image: undefined, warned };
  }
  if (!rgba) return { image: undefined, warned };
  const { width, height, data: source } = rgba;
  const data = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; to < data.length; from += 4, to += 3) {
    data[to] = source[from];
    data[to + 1] = source[from + 1];
    data[to + 2] = source[from + 2];
  }
  return { image: { width, height, data }, warned };
}

/** Bytes that fill their buffer: the glue reads the whole buffer of what it is given. */
export function ownBuffer(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer } = bytes;
  const own = buffer instanceof ArrayBuffer && buffer.byteLength === bytes.byteLength;
  return own ? new Uint8Array(buffer) : new Uint8Array(bytes);
}
