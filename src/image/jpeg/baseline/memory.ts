/** Where a picture lies in the decoder's memory, and what the decoder reads before it begins. */

import { type Frame, NATURAL_ORDER, type Scan } from "../frame.js";
import type { HuffmanTable } from "../huffman.js";
import { AT, BLOCK, COMPONENT, FRAME, OVERHANG, OVERRUN, PLANE, SIDE, STATE, TABLE } from "./layout.js";
import { writeTable } from "./tables.js";

/** How the planes lie in memory: of each, two rows of MCUs. */
export interface Layout {
  readonly planes: readonly { readonly at: number; readonly stride: number }[];
  readonly sums: readonly [number, number];
  readonly pixels: number;
  /** The file's data without what is stuffed, and where they are read from. */
  readonly data: number;
  readonly source: number;
  readonly end: number;
}

/** @param length of the data in bytes. */
export function layoutOf(frame: Frame, length: number): Layout {
  let at: number = AT.samples;
  const take = (bytes: number): number => {
    const start = at;
    at += (bytes + OVERHANG + 15) & ~15;
    return start;
  };
  const planes = frame.components.map(({ v, blockStride }) => {
    const stride = (blockStride * SIDE + 15) & ~15;
    return { at: take(2 * SIDE * v * stride), stride };
  });
  const sumBytes = frame.width + 2 * OVERHANG;
  const sums = [take(sumBytes) + OVERHANG, take(sumBytes) + OVERHANG] as const;
  const pixels = take((SIDE * frame.maxV + 1) * frame.width * 3);
  const data = take(0);
  const source = data + OVERHANG;
  return { planes, sums, pixels, data, source, end: source + length + OVERRUN };
}

/** Everything that the decoder reads. False if a Huffman table is missing or damaged. */
export function writeTables(frame: Frame, scan: Scan, layout: Layout, memory: ArrayBuffer): boolean {
  const words = new Int32Array(memory);
  new Uint8Array(memory, AT.order).set(NATURAL_ORDER.map((place) => 2 * place));
  const written = new Map<HuffmanTable, number>();
  const tableAt = (table: HuffmanTable): number => {
    const known = written.get(table);
    if (known !== undefined) return known;
    const at = AT.tables + written.size * TABLE.bytes;
    writeTable(table, memory, at);
    written.set(table, at);
    return at;
  };
  const single = scan.components.length === 1;
  let block = AT.blocks >> 2;
  for (const [i, { component, dc, ac }] of scan.components.entries()) {
    if (!dc || !ac || !component.quantization || dc.symbols.some((symbol) => symbol > 15)) return false;
    const at = AT.components + i * COMPONENT.bytes;
    const [h, v] = single ? [1, 1] : [component.h, component.v];
    const { at: samples, stride } = layout.planes[i];
    words[(at + COMPONENT.dcTable) >> 2] = tableAt(dc);
    words[(at + COMPONENT.acTable) >> 2] = tableAt(ac);
    words[(at + COMPONENT.even) >> 2] = samples;
    words[(at + COMPONENT.odd) >> 2] = samples + SIDE * v * stride;
    words[(at + COMPONENT.step) >> 2] = SIDE * h;
    words[(at + COMPONENT.stride) >> 2] = stride;
    new Uint16Array(memory, at + COMPONENT.quantization, 64).set(component.quantization);
    for (let y = 0; y < v; y++) {
      for (let x = 0; x < h; x++, block += BLOCK.bytes >> 2) {
        words[block + (BLOCK.component >> 2)] = at;
        words[block + (BLOCK.offset >> 2)] = SIDE * (y * stride + x);
      }
    }
    const plane = (AT.frame + FRAME.planes + i * PLANE.bytes) >> 2;
    words[plane + (PLANE.rows >> 2)] = samples;
    words[plane + (PLANE.mask >> 2)] = 2 * SIDE * v - 1;
    words[plane + (PLANE.last >> 2)] = Math.ceil((frame.height * component.v) / frame.maxV) - 1;
    words[plane + (PLANE.stride >> 2)] = stride;
  }
  words[(AT.state + STATE.blocks) >> 2] = block << 2;
  const at = AT.frame >> 2;
  if (single) {
    // Grey: the same samples for red, green and blue.
    const first = at + (FRAME.planes >> 2);
    for (const i of [1, 2]) words.copyWithin(first + i * (PLANE.bytes >> 2), first, first + (PLANE.bytes >> 2));
  }
  words[at + (FRAME.width >> 2)] = frame.width;
  words[at + (FRAME.chromaWidth >> 2)] = Math.ceil(frame.width / 2);
  words[at + (FRAME.tall >> 2)] = Number(frame.maxV === 2);
  words.set(layout.sums, at + (FRAME.sums >> 2));
  return true;
}
