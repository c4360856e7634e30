/**
 * AVIF to upright RGB bytes with libavif (`@jsquash/avif`, WebAssembly). OpenCV 4.6 cannot read AVIF, so there is no
 * reference.
 */

import { ImageError } from "../../errors.js";
import { decodeByBrowser } from "../byBrowser.js";
import type { DecodeBudget } from "../limits.js";
import { applyOrientation } from "../orient.js";
import type { RgbImage } from "../types.js";
import { DecoderOnDemand, decodeWithWasm, type LoadedDecoder, ownBuffer, type Rgba } from "../wasmDecoder.js";

interface Instance {
  decode(data: Uint8Array<ArrayBuffer>, bitDepth: number): Rgba | null;
}

const libavif = new DecoderOnDemand<Instance>(
  () => import("./avifWasm.generated.js"),
  () => import("@jsquash/avif/codec/dec/avif_dec.js"),
);

/** Bytes per pixel: frames of 16-bit samples inside the decoder, RGBA inside and outside, RGB. */
const BYTES_PER_PIXEL = 20;

interface AvifHeader {
  width: number;
  height: number;
  /** EXIF numbers of the rotation and of the mirroring, to be applied in this order. */
  turn: number;
  mirror: number;
}

/** The nested boxes that hold the item properties. Source: ISO/IEC 14496-12 and 23008-12. */
const CONTAINERS = new Set(["meta", "iprp", "ipco"]);
const MAX_DEPTH = 4;
/** Counter-clockwise quarter turns, as EXIF orientations. */
const TURNS = [1, 8, 3, 6];

/** Walks the boxes in [from, to) and records the largest declared size and the transformations. */
function readBoxes(view: DataView, from: number, to: number, header: AvifHeader, depth: number): void {
  for (let at = from; at + 8 <= to; ) {
    const size = view.getUint32(at);
    const end = size === 0 ? to : at + size;
    if (size === 1 || end > to || end < at + 8) return;
    const type = String.fromCharCode(...[4, 5, 6, 7].map((i) => view.getUint8(at + i)));
    const body = at + 8;
    if (CONTAINERS.has(type) && depth < MAX_DEPTH) {
      // `meta` has four bytes of version and flags before its boxes.
      readBoxes(view, type === "meta" ? body + 4 : body, end, header, depth + 1);
    } else if (type === "ispe" && body + 12 <= end) {
      header.width = Math.max(header.width, view.getUint32(body + 4));
      header.height = Math.max(header.height, view.getUint32(body + 8));
    } else if (type === "irot" && body < end) {
      header.turn = TURNS[view.getUint8(body) & 3];
    } else if (type === "imir" && body < end) {
      header.mirror = (view.getUint8(body) & 1) === 0 ? 4 : 2;
    }
    at = end;
  }
}

/**
 * Decodes a still AVIF to 8 bits; alpha is dropped, rotation and mirroring applied.
 * @throws ImageError for damaged files, and if neither our decoder nor the browser can read it.
 */
export async function decodeAvif(bytes: Uint8Array, budget: DecodeBudget): Promise<RgbImage> {
  const { what } = budget;
  const header: AvifHeader = { width: 0, height: 0, turn: 1, mirror: 1 };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  readBoxes(view, 0, bytes.length, header, 0);
  if (header.width === 0) throw new ImageError(`${what}: damaged AVIF: it declares no picture (truncated?)`, {});
  budget.size(header.width, header.height);
  budget.memory(header.width * header.height * BYTES_PER_PIXEL);
  let decoder: LoadedDecoder<Instance>;
  try {
    decoder = await libavif.get();
  } catch (cause) {
    return decodeByBrowser(bytes, "avif", budget, cause);
  }
  const { image } = await decodeWithWasm(decoder, budget, (instance) => instance.decode(ownBuffer(bytes), 8));
  if (!image) throw new ImageError(`${what}: damaged AVIF that does not decode`, { ...header });
  return applyOrientation(applyOrientation(image, header.turn), header.mirror);
}
