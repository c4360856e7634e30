/**
 * How values lie in memory.
 *
 * Rank 4: NHWC. A pixel holds its channels in segments, each starting at a multiple of four floats, so that every kernel
 * works on whole vectors and a concatenation along channels is only a joint pixel: [23 of a, gap of 1, 32 of b]. What
 * stands in gaps is finite and meets zero weights.
 * Any rank: dense, row-major in the order of the shape (NCHW).
 */

import { elementCount } from "../../../tensor/index.js";
import type { Block } from "./blocks.js";
import { roundUp } from "./blocks.js";

/** `count` logical channels from `start` (floats) on within the pixel. */
export interface Segment {
  readonly start: number;
  readonly count: number;
}

export interface Nhwc {
  readonly block: Block;
  /** Bytes from the block's start to the first channel of the first pixel. */
  readonly offset: number;
  readonly n: number;
  readonly h: number;
  readonly w: number;
  readonly pixelBytes: number;
  readonly segments: readonly Segment[];
}

export interface Dense {
  readonly block: Block;
  readonly offset: number;
  readonly shape: readonly number[];
}

/** Floats that the segments take, gaps included: a multiple of four. */
export function physicalChannels(segments: readonly Segment[]): number {
  const last = segments[segments.length - 1];
  return roundUp(last.start + last.count, 4);
}

export function channelCount(segments: readonly Segment[]): number {
  return segments.reduce((sum, { count }) => sum + count, 0);
}

/** Segments of tensors put one after another along channels; neighbours without a gap become one. */
export function joinSegments(parts: readonly (readonly Segment[])[]): Segment[] {
  const joined: Segment[] = [];
  let base = 0;
  for (const part of parts) {
    for (const { start, count } of part) {
      const last = joined[joined.length - 1];
      if (last && last.start + last.count === base + start) {
        joined[joined.length - 1] = { start: last.start, count: last.count + count };
      } else {
        joined.push({ start: base + start, count });
      }
    }
    base += physicalChannels(part);
  }
  return joined;
}

/**
 * The logical channels [start, end) as segments, and the float where they begin within the pixel; undefined where that
 * is no multiple of four.
 */
export function sliceSegments(
  segments: readonly Segment[],
  start: number,
  end: number,
): { readonly offset: number; readonly segments: Segment[] } | undefined {
  const kept: Segment[] = [];
  let logical = 0;
  for (const segment of segments) {
    const from = Math.max(start, logical);
    const to = Math.min(end, logical + segment.count);
    if (from < to) kept.push({ start: segment.start + from - logical, count: to - from });
    logical += segment.count;
  }
  const offset = kept[0].start;
  if (kept.some((segment) => (segment.start - offset) % 4 !== 0) || offset % 4 !== 0) return undefined;
  return { offset, segments: kept.map((segment) => ({ start: segment.start - offset, count: segment.count })) };
}

export function sameSegments(a: readonly Segment[], b: readonly Segment[]): boolean {
  return a.length === b.length && a.every((s, i) => s.start === b[i].start && s.count === b[i].count);
}

/** Logical channel at each float of the pixel, −1 in gaps. */
export function channelMap(segments: readonly Segment[]): Int32Array {
  const map = new Int32Array(physicalChannels(segments)).fill(-1);
  let logical = 0;
  for (const { start, count } of segments) for (let i = 0; i < count; i++) map[start + i] = logical++;
  return map;
}

/** Reads an NHWC value out of memory as NCHW. */
export function readNhwc(memory: Float32Array, view: Nhwc): Float32Array<ArrayBuffer> {
  const { n, h, w, pixelBytes, segments } = view;
  const channels = channelCount(segments);
  const plane = h * w;
  const out = new Float32Array(n * channels * plane);
  const base = (view.block.address + view.offset) / 4;
  const step = pixelBytes / 4;
  const map = channelMap(segments);
  for (let image = 0; image < n; image++) {
    for (let pixel = 0; pixel < plane; pixel++) {
      const from = base + (image * plane + pixel) * step;
      const to = image * channels * plane + pixel;
      for (let c = 0; c < map.length; c++) if (map[c] >= 0) out[to + map[c] * plane] = memory[from + c];
    }
  }
  return out;
}

/** Reads a dense value out of memory. */
export function readDense(memory: Float32Array, view: Dense): Float32Array<ArrayBuffer> {
  const base = (view.block.address + view.offset) / 4;
  return memory.slice(base, base + elementCount(view.shape)) as Float32Array<ArrayBuffer>;
}
