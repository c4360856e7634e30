/**
 * The fast JPEG decoder: mozjpeg's, from `@jsquash/jpeg`, in WebAssembly. Its bytes equal those of libjpeg-turbo and so
 * of `cv2.imread`. It is not asked to turn the picture, and no colour profile is applied.
 */

import type { RgbImage } from "../types.js";
import { compileEmbedded, decodeWithWasm, ownBuffer, type Rgba } from "../wasmDecoder.js";

interface Instance {
  decode(data: Uint8Array<ArrayBuffer>, preserveOrientation: boolean): Rgba | null;
}

/** Compiled code is immutable, so one copy serves everybody. */
let compiled: Promise<WebAssembly.Module> | undefined;

async function compile(): Promise<WebAssembly.Module> {
  return compileEmbedded(await import("./mozjpegWasm.generated.js"));
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
 */
export async function decodeWithMozjpeg(bytes: Uint8Array): Promise<RgbImage | undefined> {
  compiled ??= compile();
  const { default: createModule } = await import("@jsquash/jpeg/codec/dec/mozjpeg_dec.js");
  const { image, warned } = await decodeWithWasm<Instance>(await compiled, createModule, (decoder) =>
    decoder.decode(ownBuffer(bytes), false),
  );
  return warned ? undefined : image;
}
