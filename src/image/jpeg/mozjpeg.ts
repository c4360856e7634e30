/**
 * The fast JPEG decoder: mozjpeg's, from `@jsquash/jpeg`, in WebAssembly. Its bytes equal those of libjpeg-turbo and so
 * of `cv2.imread`. It is not asked to turn the picture, and no colour profile is applied.
 *
 * The module travels inside the JavaScript (`mozjpegWasm.generated.ts`), so Node, bundlers and browsers load it alike,
 * without a fetch. Each picture gets an instance of its own (about 1 ms): a damaged file can then leave nothing behind,
 * and its memory is freed with it.
 */

import { inflateSync } from "fflate";
import type { RgbImage } from "../types.js";

/** Compiled code is immutable, so one copy serves everybody. */
let compiled: Promise<WebAssembly.Module> | undefined;

async function compile(): Promise<WebAssembly.Module> {
  const { MOZJPEG_WASM_BASE64, MOZJPEG_WASM_BYTES } = await import("./mozjpegWasm.generated.js");
  const packed = Uint8Array.from(atob(MOZJPEG_WASM_BASE64), (c) => c.charCodeAt(0));
  return WebAssembly.compile(inflateSync(packed, { out: new Uint8Array(MOZJPEG_WASM_BYTES) }));
}

/** False where there is no WebAssembly, or where a page's security policy forbids it. */
export async function mozjpegAvailable(): Promise<boolean> {
  if (typeof WebAssembly === "undefined") return false;
  compiled ??= compile();
  try {
    await compiled;
    return true;
  } catch {
    return false;
  }
}

/**
 * Decodes grey and YCbCr/RGB pictures, baseline and progressive, as stored (not turned).
 * @returns undefined where the decoder refuses the file or warns of damage; what libjpeg-turbo makes of damaged data
 * depends on its vector code, which `plainDecoder.ts` follows and this one does not.
 * @throws whatever WebAssembly throws when it may not compile; ask `mozjpegAvailable` first.
 */
export async function decodeWithMozjpeg(bytes: Uint8Array): Promise<RgbImage | undefined> {
  compiled ??= compile();
  const module = await compiled;
  const { default: createModule } = await import("@jsquash/jpeg/codec/dec/mozjpeg_dec.js");
  let complained = false;
  const decoder = await createModule({
    noInitialRun: true,
    print: () => {},
    printErr: () => {
      complained = true;
    },
    instantiateWasm: (imports: WebAssembly.Imports, done: (instance: WebAssembly.Instance) => void) => {
      const instance = new WebAssembly.Instance(module, imports);
      done(instance);
      return instance.exports;
    },
  });
  let rgba: { readonly width: number; readonly height: number; readonly data: Uint8ClampedArray } | null;
  try {
    // A copy of its own length: the glue reads the whole underlying buffer of what it is given.
    rgba = decoder.decode(bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice(), false);
  } catch {
    return undefined; // libjpeg's error exit ends the "program": the instance is thrown away with the error.
  }
  if (!rgba || complained) return undefined;
  const { width, height, data: source } = rgba;
  const data = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; to < data.length; from += 4, to += 3) {
    data[to] = source[from];
    data[to + 1] = source[from + 1];
    data[to + 2] = source[from + 2];
  }
  return { width, height, data };
}
