/**
 * One scan of Huffman-coded coefficients, sequential or progressive. Source: ITU-T T.81, annexes F.2.2 and G.2; on
 * damaged data it behaves like libjpeg: what cannot be read stays unchanged.
 */

import { noteScan } from "./accuracy.js";
import type { BitReader } from "./bitReader.js";
import { type Component, damaged, type Frame, NATURAL_ORDER, type Scan, type ScanComponent } from "./frame.js";
import type { HuffmanTable } from "./huffman.js";

/** State carried from block to block; cleared at restarts. */
interface ScanState {
  /** Last DC value of each component of the scan. */
  readonly lastDc: Int32Array;
  /** Number of following blocks without further coefficients in the band. */
  endOfBandRun: number;
  /** The data ended before this MCU, so its blocks stay unchanged. */
  skip: boolean;
}

/** Decodes the block whose coefficients begin at `at`. */
type BlockDecoder = (coefficients: Int16Array, at: number, tables: ScanComponent, index: number) => void;

/** Skips up to the given number of blocks without data in this scan. @returns the number skipped. */
type BlockSkipper = (first: number, most: number) => number;

function need(table: HuffmanTable | undefined): HuffmanTable {
  return table ?? damaged("a Huffman table is missing or damaged");
}

function sequential(reader: BitReader, state: ScanState): BlockDecoder {
  return (coefficients, at, { dc, ac }, index) => {
    if (state.skip) return;
    state.lastDc[index] += reader.difference(reader.symbol(need(dc)) & 15);
    coefficients[at] = state.lastDc[index];
    const table = need(ac);
    for (let k = 1; k < 64; k++) {
      const symbol = reader.symbol(table);
      const size = symbol & 15;
      if (size !== 0) {
        k += symbol >> 4;
        coefficients[at + NATURAL_ORDER[k]] = reader.difference(size);
      } else {
        if (symbol !== 0xf0) break;
        k += 15;
      }
    }
  };
}

function dcFirst(reader: BitReader, state: ScanState, low: number): BlockDecoder {
  return (coefficients, at, { dc }, index) => {
    if (state.skip) return;
    state.lastDc[index] += reader.difference(reader.symbol(need(dc)) & 15);
    coefficients[at] = state.lastDc[index] << low;
  };
}

function dcRefine(reader: BitReader, low: number): BlockDecoder {
  return (coefficients, at) => {
    if (reader.bits(1)) coefficients[at] |= 1 << low;
  };
}

function acFirst(reader: BitReader, state: ScanState, start: number, end: number, low: number): BlockDecoder {
  return (coefficients, at, { ac, component }) => {
    if (state.skip) return;
    if (state.endOfBandRun > 0) {
      state.endOfBandRun--;
      return;
    }
    const table = need(ac);
    for (let k = start; k <= end; k++) {
      const symbol = reader.symbol(table);
      const run = symbol >> 4;
      const size = symbol & 15;
      if (size !== 0) {
        k += run;
        component.detailed[at >> 6] = 1;
        coefficients[at + NATURAL_ORDER[k]] = reader.difference(size) << low;
      } else if (run === 15) {
        k += 15;
      } else {
        state.endOfBandRun = (1 << run) + reader.bits(run) - 1;
        break;
      }
    }
  };
}

function acRefine(reader: BitReader, state: ScanState, start: number, end: number, low: number): BlockDecoder {
  const plus = 1 << low;
  /** Reads one more bit of a nonzero coefficient. */
  const refine = (coefficients: Int16Array, p: number) => {
    if (reader.bits(1) && (coefficients[p] & plus) === 0) coefficients[p] += coefficients[p] >= 0 ? plus : -plus;
  };
  return (coefficients, at, { ac, component }) => {
    if (state.skip) return;
    let k = start;
    if (state.endOfBandRun === 0) {
      const table = need(ac);
      for (; k <= end; k++) {
        const symbol = reader.symbol(table);
        let run = symbol >> 4;
        let value = 0;
        if ((symbol & 15) !== 0) {
          value = reader.bits(1) ? plus : -plus;
        } else if (run !== 15) {
          state.endOfBandRun = (1 << run) + reader.bits(run);
          break;
        }
        // Skip the zeros of the run, refining the nonzero coefficients in between.
        for (; k <= end; k++) {
          const p = at + NATURAL_ORDER[k];
          if (coefficients[p] !== 0) refine(coefficients, p);
          else if (--run < 0) break;
        }
        if (value === 0) continue;
        coefficients[at + NATURAL_ORDER[k]] = value;
        component.detailed[at >> 6] = 1;
      }
    }
    if (state.endOfBandRun > 0) {
      if (component.detailed[at >> 6] === 0) k = end + 1;
      for (; k <= end; k++) {
        const p = at + NATURAL_ORDER[k];
        if (coefficients[p] !== 0) refine(coefficients, p);
      }
      state.endOfBandRun--;
    }
  };
}

/** Refuses a scan that lacks a table, before decoding any of it. */
function checkTables(scan: Scan, usesDc: boolean, usesAc: boolean): void {
  for (const { dc, ac } of scan.components) {
    if (usesDc && need(dc).symbols.some((symbol) => symbol > 15)) damaged("a Huffman table is damaged");
    if (usesAc) need(ac);
  }
}

function decoderFor(frame: Frame, scan: Scan, reader: BitReader, state: ScanState): BlockDecoder {
  if (!frame.progressive) {
    checkTables(scan, true, true);
    return sequential(reader, state);
  }
  const { spectralStart: start, spectralEnd: end, successiveHigh: high, successiveLow: low } = scan;
  const badBand = start === 0 ? end !== 0 : start > end || end > 63 || scan.components.length !== 1;
  if (badBand || (high !== 0 && low !== high - 1) || low > 13) damaged("a progressive scan has impossible parameters");
  checkTables(scan, start === 0 && high === 0, start > 0);
  if (start === 0) return high === 0 ? dcFirst(reader, state, low) : dcRefine(reader, low);
  return high === 0 ? acFirst(reader, state, start, end, low) : acRefine(reader, state, start, end, low);
}

/** For scans that skip runs of blocks, tens of thousands in a picture of the sky. */
function skipperFor({ progressive }: Frame, scan: Scan, state: ScanState): BlockSkipper | undefined {
  if (!progressive || scan.spectralStart === 0) return undefined;
  const { detailed } = scan.components[0].component;
  const refining = scan.successiveHigh !== 0;
  return (first, most) => {
    const run = Math.min(most, state.endOfBandRun);
    let count = refining ? 0 : run;
    while (count < run && detailed[first + count] === 0) count++;
    state.endOfBandRun -= count;
    return count;
  };
}

/** Visits the MCUs of a scan in order; a scan of one component has one block per MCU and no padding. */
function forEachMcu(
  frame: Frame,
  scan: Scan,
  onMcu: (row: number, restart: boolean) => void,
  block: BlockVisitor,
  skip: BlockSkipper | undefined,
): void {
  const single = scan.components.length === 1 ? scan.components[0].component : undefined;
  const columns = single ? single.blocksPerRow : Math.ceil(frame.width / (frame.maxH * 8));
  const rows = single ? single.blocksPerColumn : Math.ceil(frame.height / (frame.maxV * 8));
  let left = scan.restartInterval;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const restart = scan.restartInterval > 0 && left === 0;
      if (restart) left = scan.restartInterval;
      onMcu(single ? Math.floor(row / single.v) : row, restart);
      if (single) {
        block(single, row * single.blockStride + column, 0);
      } else {
        for (let i = 0; i < scan.components.length; i++) {
          const { component } = scan.components[i];
          for (let v = 0; v < component.v; v++) {
            const first = (row * component.v + v) * component.blockStride + column * component.h;
            for (let h = 0; h < component.h; h++) block(component, first + h, i);
          }
        }
      }
      left--;
      if (!single || !skip) continue;
      const most = columns - 1 - column;
      const next = row * single.blockStride + column + 1;
      const skipped = skip(next, scan.restartInterval > 0 ? Math.min(most, left) : most);
      column += skipped;
      left -= skipped;
    }
  }
}

type BlockVisitor = (component: Component, block: number, index: number) => void;

/**
 * Decodes a scan's data into its components' coefficients.
 * @param first true for the file's first scan.
 * @returns the last row of MCUs with data.
 */
export function decodeScan(frame: Frame, scan: Scan, reader: BitReader, first: boolean): number {
  const state: ScanState = { lastDc: new Int32Array(4), endOfBandRun: 0, skip: false };
  reader.align();
  reader.exhausted = false;
  const decodeBlock = decoderFor(frame, scan, reader, state);
  if (frame.progressive) {
    for (const { component } of scan.components) {
      noteScan(component.accuracy, scan.spectralStart, scan.spectralEnd, scan.successiveLow, first);
    }
  }
  let expected = 0;
  let lastGoodRow = 0;
  const onMcu = (row: number, restart: boolean) => {
    if (!reader.exhausted) lastGoodRow = row;
    if (restart) {
      reader.restart(expected);
      expected = (expected + 1) & 7;
      state.lastDc.fill(0);
      state.endOfBandRun = 0;
    }
    state.skip = reader.exhausted;
  };
  const decode: BlockVisitor = (component, block, index) => {
    decodeBlock(component.coefficients, block * 64, scan.components[index], index);
  };
  forEachMcu(frame, scan, onMcu, decode, skipperFor(frame, scan, state));
  reader.align();
  return lastGoodRow;
}
