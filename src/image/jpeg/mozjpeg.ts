/**
 * The fast JPEG decoder: mozjpeg from `@jsquash/jpeg`, in WebAssembly. Its bytes equal those of libjpeg-turbo and so
 * of `cv2.imread`. It neither rotates the picture nor applies a colour profile.
 */

import type { DecodeBudget } from "../limits.js";
import type { RgbImage } from "../types.js";
import { DecoderOnDemand, decodeWithWasm, ownBuffer, type Rgba } from "../wasmDecoder.js";

interface Instance {
  decode(data: Uint8Array<ArrayBuffer>, preserveOrientation: boolean): Rgba | null;
}

const mozjpeg = new DecoderOnDemand<Instance>(
  () => import("./mozjpegWasm.generated.js"),
  () => import("@jsquash/jpeg/codec/dec/mozjpeg_dec.js"),
);

/** False if there is no WebAssembly, a page's security policy forbids it, or its chunk is missing. */
export async function mozjpegAvailable(): Promise<boolean> {
  if (typeof WebAssembly === "undefined") return false;
  try {
    await mozjpeg.get();
    return true;
  } catch {
    return false;
  }
}

/**
 * Decodes grey and YCbCr/RGB pictures, baseline and progressive, as stored (not rotated).
 * @returns undefined if the decoder refuses the file or warns of damage. How libjpeg-turbo decodes damaged data
 * depends on its vector code, which `plainDecoder.ts` reproduces and this decoder does not.
 */
export async function decodeWithMozjpeg(bytes: Uint8Array, budget: DecodeBudget): Promise<RgbImage | undefined> {
  const decode = (decoder: Instance): Rgba | null => decoder.decode(ownBuffer(bytes), false);
  const { image, warned } = await decodeWithWasm(await mozjpeg.get(), budget, decode);
  return warned ? undefined : image;
}
