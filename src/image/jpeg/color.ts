/** Converts rows of JPEG components to RGB in libjpeg's fixed point (ITU-T T.871), and CMYK like OpenCV. */

/** The colour model of a file's components; `inks` are CMYK as stored in TIFF, not inverted. */
export type ColorModel = "grey" | "rgb" | "ycc" | "cmyk" | "ycck" | "inks";

const fix = (value: number) => Math.floor(value * 65536 + 0.5);
const HALF = 1 << 15;
const chroma = (scale: number, round: number, shift: number) =>
  Int32Array.from({ length: 256 }, (_, i) => (fix(scale) * (i - 128) + round) >> shift);

const CR_TO_RED = chroma(1.402, HALF, 16);
const CB_TO_BLUE = chroma(1.772, HALF, 16);
const CR_TO_GREEN = Int32Array.from({ length: 256 }, (_, i) => -fix(0.71414) * (i - 128));
const CB_TO_GREEN = Int32Array.from({ length: 256 }, (_, i) => -fix(0.34414) * (i - 128) + HALF);

/** How libjpeg guesses the model from the markers and component names. */
export function colorModel(
  ids: readonly number[],
  sawJfif: boolean,
  adobe: number | undefined,
): ColorModel | undefined {
  if (ids.length === 1) return "grey";
  if (ids.length === 4) return adobe === undefined || adobe === 0 ? "cmyk" : "ycck";
  if (ids.length !== 3) return undefined;
  if (sawJfif) return "ycc";
  if (adobe !== undefined) return adobe === 0 ? "rgb" : "ycc";
  return ids[0] === 82 && ids[1] === 71 && ids[2] === 66 ? "rgb" : "ycc";
}

/** Writes one row of `width` pixels at `start` of `out`; stores clamp to 0…255. */
export function rowToRgb(
  model: ColorModel,
  planes: readonly Uint8Array[],
  width: number,
  out: Uint8ClampedArray,
  start: number,
): void {
  const [first, second, third, fourth] = planes;
  const end = start + width * 3;
  if (model === "grey") {
    for (let x = 0, to = start; to < end; x++, to += 3) {
      out[to] = first[x];
      out[to + 1] = first[x];
      out[to + 2] = first[x];
    }
  } else if (model === "ycc" || model === "ycck") {
    for (let x = 0, to = start; to < end; x++, to += 3) {
      const luma = first[x];
      const cb = second[x];
      const cr = third[x];
      out[to] = luma + CR_TO_RED[cr];
      out[to + 1] = luma + ((CB_TO_GREEN[cb] + CR_TO_GREEN[cr]) >> 16);
      out[to + 2] = luma + CB_TO_BLUE[cb];
    }
  } else {
    for (let x = 0, to = start; to < end; x++, to += 3) {
      out[to] = first[x];
      out[to + 1] = second[x];
      out[to + 2] = third[x];
    }
  }
  if (model === "inks") {
    for (let x = 0, at = start; at < end; x++, at += 3) {
      const light = 255 - fourth[x];
      for (let c = 0; c < 3; c++) out[at + c] = Math.floor((light * (255 - out[at + c])) / 255);
    }
  }
  if (model === "ycck" || model === "cmyk") inkToLight(out, start, end, fourth, model === "ycck");
}

/** Adobe stores inverted inks, with the key on its own; YCCK's three are inverted once more by libjpeg. */
function inkToLight(out: Uint8ClampedArray, start: number, end: number, key: Uint8Array, invert: boolean): void {
  for (let x = 0, at = start; at < end; x++, at += 3) {
    const k = key[x];
    for (let c = 0; c < 3; c++) {
      const ink = invert ? 255 - out[at + c] : out[at + c];
      out[at + c] = k - (((255 - ink) * k) >> 8);
    }
  }
}
