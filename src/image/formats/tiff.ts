/**
 * TIFF: strips and tiles; grey, RGB, palette, bilevel, CMYK, YCbCr, CIE L*a*b*; 1, 2, 4, 8 and 16 bits; none, LZW,
 * Deflate, PackBits, JPEG, CCITT fax; horizontal differencing; the first picture of the file, upright by its
 * orientation tag. As in libtiff and so OpenCV, 16 bits are rounded to 8 and alpha is dropped, but 8-bit colours are
 * first multiplied by it if it is "unassociated". Source: TIFF 6.0 and its technical notes.
 */

import { ImageError } from "../../errors.js";
import type { DecodeBudget } from "../limits.js";
import { applyOrientation } from "../orient.js";
import type { RgbImage } from "../types.js";
import { PHOTOMETRIC, type ToRgb, toRgbOf, ycbcrColor } from "./tiffColor.js";
import { SLOWNESS as JPEG_SLOWNESS, unpackJpegChunk } from "./tiffJpeg.js";
import { addUp, type ChunkRows, type Depth, samplesOfRow, unpackUnits } from "./tiffSamples.js";
import { readTags, TAG, type TiffTags } from "./tiffTags.js";
import { isFax, JPEG, OTHER_COMPRESSIONS, reversedBits, unpackerOf } from "./tiffUnpack.js";

function refuse(what: string, why: string): never {
  throw new ImageError(`${what}: ${why}`, { reason: why });
}

/** The validated tags. */
interface Layout extends Depth {
  readonly width: number;
  readonly height: number;
  readonly compression: number;
  readonly photometric: number;
  readonly samples: number;
  /** Each sample has its own chunks. */
  readonly planar: boolean;
  readonly chunkWidth: number;
  readonly chunkHeight: number;
  /** Chroma subsampling of YCbCr: columns and rows per sample. */
  readonly subsampling: readonly [number, number];
}

const WANTED: Readonly<Record<number, number>> = {
  [PHOTOMETRIC.rgb]: 3,
  [PHOTOMETRIC.cmyk]: 4,
  [PHOTOMETRIC.ycbcr]: 3,
  [PHOTOMETRIC.cielab]: 3,
};

function readLayout(tags: TiffTags, little: boolean, budget: DecodeBudget): Layout {
  const { what } = budget;
  const [width, height] = [tags.first(TAG.width, 0), tags.first(TAG.height, 0)];
  budget.size(width, height);
  const samples = tags.first(TAG.samples, 1);
  const bits = tags.first(TAG.bits, 1);
  const compression = tags.first(TAG.compression, 1);
  const fax = isFax(compression);
  const { rgb, blackIsZero, whiteIsZero } = PHOTOMETRIC;
  const photometric = tags.first(TAG.photometric, samples >= 3 ? rgb : fax ? whiteIsZero : blackIsZero);
  const planar = tags.first(TAG.planar, 1) === 2 && samples > 1;
  const across = photometric === PHOTOMETRIC.ycbcr && compression !== JPEG;
  const [h = 2, v = 2] = across ? tags.all(TAG.subsampling) : [1, 1];
  if (!(compression === JPEG || fax || unpackerOf(compression))) {
    const name = OTHER_COMPRESSIONS[compression] ?? `compression ${compression}`;
    refuse(what, `is a TIFF with ${name}, which is not supported; convert it to JPEG or PNG`);
  }
  const wanted = WANTED[photometric] ?? 1;
  const depths = photometric > PHOTOMETRIC.palette || compression === JPEG ? [8] : fax ? [1] : [1, 2, 4, 8, 16];
  const known =
    Object.values<number>(PHOTOMETRIC).includes(photometric) &&
    depths.includes(bits) &&
    tags.all(TAG.bits).every((b) => b === bits) &&
    samples >= wanted &&
    samples <= 8 &&
    tags.first(TAG.sampleFormat, 1) === 1 &&
    !(fax && samples > 1) &&
    !(planar && (compression === JPEG || h * v > 1)) &&
    !(h * v > 1 && samples !== 3) &&
    [h, v].every((factor) => [1, 2, 4].includes(factor)) &&
    !(photometric === PHOTOMETRIC.cmyk && tags.first(TAG.inkSet, 1) !== 1);
  if (!known) {
    if (tags.first(TAG.sampleFormat, 1) === 3) {
      refuse(
        what,
        `is a TIFF of floating-point numbers, which is not supported; save it with 8 or 16 bits, as JPEG or PNG`,
      );
    }
    if (planar && compression === JPEG) {
      refuse(what, "is a TIFF of JPEGs with separate colour planes, which is not supported; convert it to JPEG or PNG");
    }
    const kind = `${samples} samples of ${bits} bits, photometric ${photometric}, compression ${compression}`;
    refuse(what, `is a TIFF of an unusual kind (${kind}); convert it to JPEG or PNG`);
  }
  const tiled = tags.has(TAG.tileOffsets);
  const chunkWidth = tiled ? tags.first(TAG.tileWidth, 0) : width;
  const chunkHeight = tiled ? tags.first(TAG.tileHeight, 0) : Math.min(tags.first(TAG.rowsPerStrip, height), height);
  budget.size(chunkWidth, Math.min(chunkHeight, height));
  return {
    ...{ width, height, compression, photometric, samples, bits, planar, little, chunkWidth, chunkHeight },
    together: planar ? 1 : samples,
    subsampling: [h, v],
  };
}

/** @throws ImageError for damaged files and unsupported kinds of TIFF. */
export function decodeTiff(bytes: Uint8Array, budget: DecodeBudget): RgbImage {
  const tags = readTags(bytes, budget.what);
  const layout = readLayout(tags, bytes[0] === 0x49, budget);
  const { width, height, samples, planar, chunkWidth, chunkHeight } = layout;
  const across = Math.ceil(width / chunkWidth);
  const perPlane = across * Math.ceil(height / chunkHeight);
  const reader = new ChunkReader(bytes, tags, layout, budget);
  budget.memory(width * height * (planar ? samples + 3 : 3) + reader.bytesOfChunk);
  reader.askForWork(perPlane * (planar ? samples : 1));
  const toRgb = toRgbOf(layout.photometric, samples, layout.bits, tags);
  const data = new Uint8Array(width * height * 3);
  const planes = planar ? new Uint8Array(width * height * samples) : undefined;
  for (let i = 0; i < perPlane * (planar ? samples : 1); i++) {
    const position = i % perPlane;
    const [x0, y0] = [(position % across) * chunkWidth, Math.floor(position / across) * chunkHeight];
    const columns = Math.min(chunkWidth, width - x0);
    const chunk = reader.read(i, Math.min(chunkHeight, height - y0), columns);
    const convert: ToRgb = chunk.rgb ? copy : toRgb;
    for (let y = 0; y < chunk.rows; y++) {
      const to = (y0 + y) * width + x0;
      const line = chunk.row(y);
      if (planes) scatter(line, columns, planes, to * samples + Math.floor(i / perPlane), samples);
      else convert(line, 0, columns, data, to * 3);
    }
  }
  if (planes) toRgb(planes, 0, width * height, data, 0);
  return applyOrientation({ width, height, data }, tags.first(TAG.orientation, 1));
}

/** Interleaves one plane's samples with the others. */
function scatter(line: Uint8Array, count: number, out: Uint8Array, to: number, step: number): void {
  for (let x = 0, at = to; x < count; x++, at += step) out[at] = line[x];
}

const copy: ToRgb = (line, from, count, out, to) => out.set(line.subarray(from, from + count * 3), to);

/** What a strip or tile takes beside its pixels, in samples. */
const CHUNK_WORK = 2048;
/** What a byte takes that is unpacked in vain, in samples. */
const VAIN_WORK = 2;

/** Strips and tiles, unpacked. */
class ChunkReader {
  private readonly bytes: Uint8Array;
  private readonly tags: TiffTags;
  private readonly layout: Layout;
  private readonly budget: DecodeBudget;
  private readonly offsets: readonly number[];
  private readonly lengths: readonly number[];
  private readonly differences: boolean;
  private readonly jpegTables: Uint8Array;
  private short = false;

  constructor(bytes: Uint8Array, tags: TiffTags, layout: Layout, budget: DecodeBudget) {
    this.bytes = bytes;
    this.tags = tags;
    this.layout = layout;
    this.budget = budget;
    const tiled = tags.has(TAG.tileOffsets);
    this.offsets = tags.all(tiled ? TAG.tileOffsets : TAG.stripOffsets);
    this.lengths = tags.all(tiled ? TAG.tileBytes : TAG.stripBytes);
    this.jpegTables = Uint8Array.from(layout.compression === JPEG ? tags.all(TAG.jpegTables) : []);
    this.differences = tags.first(TAG.predictor, 1) === 2 && layout.bits >= 8;
  }

  /** Rows of units of `subsampling` for YCbCr, else rows of pixels. */
  private get rowBytes(): number {
    const { chunkWidth, together, bits, subsampling } = this.layout;
    const [h, v] = subsampling;
    if (h * v > 1) return Math.ceil(chunkWidth / h) * (h * v + 2);
    return Math.ceil((chunkWidth * together * bits) / 8);
  }

  /** Bytes of an unpacked chunk; JPEG checks the budget itself. */
  get bytesOfChunk(): number {
    return this.rowBytes * Math.min(this.layout.chunkHeight, this.layout.height);
  }

  /**
   * All chunks may share the same bytes, and tiles may extend far beyond the picture, so the total to read and unpack
   * is checked first. JPEG is by far the slowest.
   */
  askForWork(chunks: number): void {
    const { layout, lengths, jpegTables } = this;
    const slowness = layout.compression === JPEG ? JPEG_SLOWNESS : 1;
    let packed = 0;
    for (let i = 0; i < Math.min(chunks, lengths.length); i++) packed += lengths[i];
    const own = jpegTables.length + this.bytesOfChunk * slowness + CHUNK_WORK;
    this.budget.work(packed + chunks * own, `a TIFF of ${chunks} such strips or tiles`);
  }

  /** The rows of chunk `index` that lie within the picture, of 8-bit samples, or of RGB. */
  read(index: number, rows: number, columns: number): ChunkRows {
    const { layout, budget, tags } = this;
    const { what } = budget;
    const { compression, chunkWidth } = layout;
    const [offset, length] = [this.offsets[index], this.lengths[index]];
    if (offset === undefined || length === undefined || offset + length > this.bytes.length) {
      return refuse(what, "damaged TIFF: its pixels lie outside the file (truncated?)");
    }
    const stored = this.bytes.subarray(offset, offset + length);
    if (compression === JPEG) {
      // The last strip may be stored at full height.
      const stripHeight = tags.has(TAG.tileOffsets) ? layout.chunkHeight : tags.first(TAG.rowsPerStrip, layout.height);
      const room = { width: chunkWidth, height: stripHeight };
      return unpackJpegChunk(stored, this.jpegTables, layout.photometric, { rows, columns, room }, budget);
    }
    const packed = tags.first(TAG.fillOrder, 1) === 2 ? reversedBits(stored) : stored;
    const [h, v] = layout.subsampling;
    const { rowBytes } = this;
    const chunk = new Uint8Array(rowBytes * Math.ceil(rows / v));
    let found: number;
    try {
      const faxOptions = { width: chunkWidth, group3: tags.first(TAG.group3Options, 0) };
      found = unpackerOf(compression, faxOptions)?.(packed, chunk) ?? 0;
    } catch (cause) {
      throw new ImageError(`${what}: damaged TIFF: its pixels cannot be decompressed`, {}, { cause });
    }
    budget.work(
      Math.max(0, found - chunk.length) * VAIN_WORK,
      "a TIFF whose strips or tiles hold much more than their pixels",
    );
    if (found < chunk.length) this.tell();
    if (this.differences) addUp(chunk, rowBytes, layout);
    if (h * v > 1) return unpackUnits(chunk, rowBytes, rows, columns, [h, v], ycbcrColor(tags));
    const line = new Uint8Array(chunkWidth * layout.together);
    return { rows, rgb: false, row: (y) => samplesOfRow(chunk, y * rowBytes, columns, layout, line) };
  }

  /** Reported once per picture. */
  private tell(): void {
    if (!this.short) this.budget.note("damaged TIFF: some of its pixels are missing (truncated?); the rest is used");
    this.short = true;
  }
}
