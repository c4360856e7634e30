/** The segments of a JPEG: tables, frame, scans. Source: ITU-T T.81, annex B; refuses what libjpeg refuses. */

import { type Accuracy, unknownAccuracy } from "./accuracy.js";
import { BitReader, EOI } from "./bitReader.js";
import { buildHuffmanTable, type HuffmanTable, STANDARD_AC, STANDARD_DC, type TableDefinition } from "./huffman.js";

/** Damage that libjpeg gives up on. Thrown inside this folder only; `decode.ts` turns it into an ImageError. */
export class JpegDamage extends Error {}

export function damaged(why: string): never {
  throw new JpegDamage(why);
}

export interface Component {
  readonly id: number;
  /** Sampling factors, horizontal and vertical. */
  readonly h: number;
  readonly v: number;
  readonly quantizationIndex: number;
  /** Blocks with samples of the picture. */
  readonly blocksPerRow: number;
  readonly blocksPerColumn: number;
  /** Blocks of a stored row; whole MCUs. */
  readonly blockStride: number;
  /** 64 coefficients per block in natural order, not yet dequantised; released once the samples are computed. */
  coefficients: Int16Array;
  /**
   * For progressive files: blocks with more than their first coefficient. In smooth areas such as sky most have none.
   */
  detailed: Uint8Array;
  /** The table in force when the component's first scan began. */
  quantization: Uint16Array | undefined;
  /** For progressive files. */
  readonly accuracy: Accuracy;
}

export interface Frame {
  readonly width: number;
  readonly height: number;
  readonly progressive: boolean;
  readonly maxH: number;
  readonly maxV: number;
  readonly components: readonly Component[];
}

export interface ScanComponent {
  readonly component: Component;
  readonly dc: HuffmanTable | undefined;
  readonly ac: HuffmanTable | undefined;
}

export interface Scan {
  readonly components: readonly ScanComponent[];
  readonly spectralStart: number;
  readonly spectralEnd: number;
  readonly successiveHigh: number;
  readonly successiveLow: number;
  readonly restartInterval: number;
}

/** Zigzag position to row × 8 + column. */
export const NATURAL_ORDER: Uint8Array = Uint8Array.of(
  ...[0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21],
  ...[28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61],
  ...[54, 47, 55, 62, 63],
  // Runs beyond the block end up in its last coefficient, as in libjpeg.
  ...new Array<number>(16).fill(63),
);

/** Supported frames, tables, scans, and segments to skip; libjpeg gives up on all others. */
const SEGMENTS: ReadonlySet<number> = new Set([
  ...[0xc0, 0xc1, 0xc2, 0xc4, 0xda, 0xdb, 0xdc, 0xdd, 0xfe],
  ...Array.from({ length: 16 }, (_, i) => 0xe0 + i),
]);

/** Frames and tables of arithmetic coding. */
const ARITHMETIC: ReadonlySet<number> = new Set([0xc9, 0xca, 0xcc]);

export function allocateCoefficients({ height, maxV, progressive, components }: Frame): void {
  for (const component of components) {
    const blocks = component.blockStride * Math.ceil(height / (maxV * 8)) * component.v;
    component.coefficients = new Int16Array(blocks * 64);
    if (progressive) component.detailed = new Uint8Array(blocks);
  }
}

export class JpegFile {
  readonly reader: BitReader;
  frame: Frame | undefined;
  sawJfif = false;
  /** Adobe's colour transform: 0 none, 1 YCbCr, 2 YCCK; undefined without its marker. */
  adobeTransform: number | undefined;
  private readonly quantization: (Uint16Array | undefined)[] = [];
  private readonly dcTables: (HuffmanTable | "damaged" | undefined)[] = [];
  private readonly acTables: (HuffmanTable | "damaged" | undefined)[] = [];
  private restartInterval = 0;

  /**
   * @param onFrame called with the frame, which has no memory for coefficients yet; may throw.
   * @param onSegment called before each table, scan and comment is read; may throw.
   */
  constructor(
    private readonly bytes: Uint8Array,
    private readonly onFrame?: (frame: Frame) => void,
    private readonly onSegment?: () => void,
  ) {
    this.reader = new BitReader(bytes, 2);
  }

  /** Reads segments up to the next scan and leaves the reader at its data; undefined at the end of the picture. */
  nextScan(): Scan | undefined {
    const { reader } = this;
    for (;;) {
      const marker = reader.marker !== 0 ? reader.marker : reader.nextMarker();
      reader.marker = 0;
      if (marker === EOI) return undefined;
      if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd7)) continue;
      if (ARITHMETIC.has(marker)) damaged("its arithmetic coding is not supported; recompress it with Huffman coding");
      if (!SEGMENTS.has(marker)) damaged(`marker 0x${marker.toString(16)} is not supported`);
      this.onSegment?.();
      const segment = this.segment();
      if (marker >= 0xe0 && marker <= 0xef) this.application(marker, segment);
      else if (marker === 0xc4) this.readHuffman(segment);
      else if (marker === 0xdb) this.readQuantization(segment);
      else if (marker === 0xdd) this.readRestartInterval(segment);
      else if (marker === 0xda) return this.readScan(segment);
      else if (marker >= 0xc0 && marker <= 0xc2) this.readFrame(marker, segment);
    }
  }

  /** Reads the segment at the reader's position and moves past it. Beyond its end a file reads as ff d9 ff d9 … */
  private segment(): Uint8Array {
    const { bytes, reader } = this;
    const start = reader.position;
    const at = (i: number) => (i < bytes.length ? bytes[i] : (i - bytes.length) % 2 === 0 ? 0xff : EOI);
    const end = Math.max(start + 2, start + ((at(start) << 8) | at(start + 1)));
    reader.position = Math.min(end, bytes.length);
    if (end <= bytes.length) return bytes.subarray(start + 2, end);
    return Uint8Array.from({ length: end - start - 2 }, (_, i) => at(start + 2 + i));
  }

  private application(marker: number, segment: Uint8Array): void {
    const name = String.fromCharCode(...segment.subarray(0, 5));
    if (marker === 0xe0 && segment.length >= 14 && name === "JFIF\0") this.sawJfif = true;
    if (marker === 0xee && segment.length >= 12 && name === "Adobe") this.adobeTransform = segment[11];
  }

  private readFrame(marker: number, segment: Uint8Array): void {
    if (this.frame) damaged("it has two frame headers");
    const [precision, h1, h0, w1, w0, count] = segment;
    if (precision !== 8) damaged(`it has ${precision} bits per sample, only 8 are supported`);
    const width = (w1 << 8) | w0;
    const height = (h1 << 8) | h0;
    if (width === 0 || height === 0 || count === 0) damaged("its frame is empty");
    if (segment.length !== 6 + count * 3) damaged("its frame header has a wrong length");
    const factors = Array.from({ length: count }, (_, i) => segment[7 + i * 3]);
    if (count > 4 || factors.some((f) => f >> 4 < 1 || f >> 4 > 4 || (f & 15) < 1 || (f & 15) > 4)) {
      damaged("its sampling factors are impossible");
    }
    const maxH = Math.max(...factors.map((f) => f >> 4));
    const maxV = Math.max(...factors.map((f) => f & 15));
    const components = factors.map((factor, i): Component => {
      const [h, v] = [factor >> 4, factor & 15];
      const blockStride = Math.ceil(width / (maxH * 8)) * h;
      return {
        id: segment[6 + i * 3],
        h,
        v,
        quantizationIndex: segment[8 + i * 3],
        blocksPerRow: Math.ceil((width * h) / (maxH * 8)),
        blocksPerColumn: Math.ceil((height * v) / (maxV * 8)),
        blockStride,
        coefficients: new Int16Array(0),
        detailed: new Uint8Array(0),
        quantization: undefined,
        accuracy: unknownAccuracy(),
      };
    });
    this.frame = { width, height, progressive: marker === 0xc2, maxH, maxV, components };
    this.onFrame?.(this.frame);
  }

  private readHuffman(segment: Uint8Array): void {
    for (let at = 0; at < segment.length; ) {
      const index = segment[at];
      const counts = segment.subarray(at + 1, at + 17);
      const total = counts.reduce((sum, count) => sum + count, 0);
      if (total > 256 || at + 17 + total > segment.length || (index & 0xef) > 3) damaged("a Huffman table is damaged");
      const symbols = segment.subarray(at + 17, at + 17 + total);
      // An unused table may be invalid, so it is only refused when a scan uses it.
      (index & 16 ? this.acTables : this.dcTables)[index & 15] = buildHuffmanTable(counts, symbols) ?? "damaged";
      at += 17 + total;
    }
  }

  private readQuantization(segment: Uint8Array): void {
    for (let at = 0; at < segment.length; ) {
      const wide = segment[at] >> 4 !== 0;
      const index = segment[at] & 15;
      if (index > 3 || at + 1 + (wide ? 128 : 64) > segment.length) damaged("a quantisation table is damaged");
      const table = new Uint16Array(64);
      for (let k = 0; k < 64; k++) {
        const p = at + 1 + (wide ? k * 2 : k);
        table[NATURAL_ORDER[k]] = wide ? (segment[p] << 8) | segment[p + 1] : segment[p];
      }
      this.quantization[index] = table;
      at += 1 + (wide ? 128 : 64);
    }
  }

  private readRestartInterval(segment: Uint8Array): void {
    if (segment.length !== 2) damaged("its restart interval has a wrong length");
    this.restartInterval = (segment[0] << 8) | segment[1];
  }

  private readScan(segment: Uint8Array): Scan {
    const { frame } = this;
    if (!frame) return damaged("a scan comes before the frame header");
    const count = segment[0];
    if (count < 1 || count > 4 || segment.length !== count * 2 + 4) damaged("a scan header has a wrong length");
    const components = Array.from({ length: count }, (_, i): ScanComponent => {
      const component = frame.components.find(({ id }) => id === segment[1 + i * 2]);
      if (!component) return damaged("a scan names a component that the frame lacks");
      const tables = segment[2 + i * 2];
      return {
        component,
        dc: this.tableFor(this.dcTables, STANDARD_DC, tables >> 4),
        ac: this.tableFor(this.acTables, STANDARD_AC, tables & 15),
      };
    });
    if (count > 1 && components.reduce((blocks, { component: { h, v } }) => blocks + h * v, 0) > 10) {
      damaged("a scan has too many blocks in an MCU");
    }
    for (const { component } of components) {
      component.quantization ??= this.quantization[component.quantizationIndex]?.slice();
      if (!component.quantization) damaged("a quantisation table is missing");
    }
    const [spectralStart, spectralEnd, approximation] = segment.subarray(1 + count * 2);
    return {
      components,
      spectralStart,
      spectralEnd,
      successiveHigh: approximation >> 4,
      successiveLow: approximation & 15,
      restartInterval: this.restartInterval,
    };
  }

  /** Sequential files may omit the example tables, as motion JPEG does. */
  private tableFor(
    defined: readonly (HuffmanTable | "damaged" | undefined)[],
    standard: readonly TableDefinition[],
    index: number,
  ): HuffmanTable | undefined {
    const own = defined[index];
    if (own !== undefined) return own === "damaged" ? undefined : own;
    const definition = this.frame?.progressive ? undefined : standard[index];
    return definition && buildHuffmanTable(definition.counts, definition.symbols);
  }
}
