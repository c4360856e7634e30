/**
 * The fast JPEG decoder: mozjpeg from `@jsquash/jpeg`, in WebAssembly. Its bytes equal those of libjpeg-turbo and so
 * of `cv2.imread`. It neither rotates the picture nor applies a colour profile.
 */

import type { DecodeBudget } from "../limits.js";
import type { RgbImage } from "../types.js";
import { OnDemand } from "../wasmDecoder.js";
import { Mozjpeg } from "./mozjpegInstance.js";

const mozjpeg = new OnDemand(async () => new Mozjpeg(await import("./mozjpegWasm.generated.js")));

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
  const { image, warned } = await (await mozjpeg.get()).decode(bytes, budget);
  return warned ? undefined : image;
}
