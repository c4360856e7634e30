/**
 * Where the channels of a stored picture lie, and which values are written straight into a concat. Fast backends
 * store channels in groups of four. A concat of tensors whose channel counts are not multiples of four keeps each of
 * them at the start of a group, so that no copy is needed: [6 channels, gap of 2, 3 channels, gap of 1]. Values in
 * gaps are finite and meet zero weights. Runs of channels without a gap are segments.
 */

import { type Graph, type Node, producersOf, type ValueId } from "../ops/index.js";

/** `count` channels, the first of them stored at `start`, a multiple of four. */
export interface Segment {
  readonly start: number;
  readonly count: number;
}

export type Segments = readonly Segment[];

/** Channel i is stored at i. */
export const oneSegment = (channels: number): Segments => [{ start: 0, count: channels }];

export const isOneSegment = (segments: Segments): boolean => segments.length === 1;

/** Channels that the segments take, gaps included: a multiple of four. */
export function storedChannels(segments: Segments): number {
  const last = segments[segments.length - 1];
  return Math.ceil((last.start + last.count) / 4) * 4;
}

export function channelCount(segments: Segments): number {
  return segments.reduce((sum, { count }) => sum + count, 0);
}

export function sameSegments(a: Segments, b: Segments): boolean {
  return a.length === b.length && a.every((s, i) => s.start === b[i].start && s.count === b[i].count);
}

/** A key that is equal exactly for equal segments. */
export const segmentsKey = (segments: Segments): string => segments.map(({ count }) => count).join(",");

/** Segments of tensors concatenated along channels; adjacent segments without a gap are merged. */
export function joinSegments(parts: readonly Segments[]): Segment[] {
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
    base += storedChannels(part);
  }
  return joined;
}

/**
 * The channels [start, end) as a view: where it begins among the stored channels, and its segments. Undefined if that
 * is not a multiple of four. Its last group may contain other channels beyond `end`, which count as a gap.
 */
export function sliceSegments(
  segments: Segments,
  start: number,
  end: number,
): { readonly offset: number; readonly segments: Segments } | undefined {
  const kept: Segment[] = [];
  let channel = 0;
  for (const segment of segments) {
    const from = Math.max(start, channel);
    const to = Math.min(end, channel + segment.count);
    if (from < to) kept.push({ start: segment.start + from - channel, count: to - from });
    channel += segment.count;
  }
  const offset = kept[0].start;
  if (kept.some((segment) => (segment.start - offset) % 4 !== 0) || offset % 4 !== 0) return undefined;
  return { offset, segments: kept.map((segment) => ({ start: segment.start - offset, count: segment.count })) };
}

/** Channel of every stored channel, −1 in gaps. */
export function channelsOfStored(segments: Segments): number[] {
  const channels = new Array<number>(storedChannels(segments)).fill(-1);
  let channel = 0;
  for (const { start, count } of segments) for (let i = 0; i < count; i++) channels[start + i] = channel++;
  return channels;
}

/** Where every channel is stored. */
export function storedOfChannels(segments: Segments): number[] {
  return segments.flatMap(({ start, count }) => Array.from({ length: count }, (_, i) => start + i));
}

const isPicture = (graph: Graph, id: ValueId): boolean => graph.values[id].shape.length === 4;

/** A concat along the channels of pictures: the one kind whose inputs can be slices of its output. */
export function isChannelConcat(graph: Graph, node: Node): boolean {
  return node.type === "concat" && node.attrs.axis === 1 && isPicture(graph, node.outputs[0]);
}

/**
 * Segments of the values that are pictures, [N, C, H, W].
 * @param foldsSegments whether the backend's spaceToDepth keeps the segments of its input, block by block
 */
export function segmentsOfValues(graph: Graph, foldsSegments: boolean): Map<ValueId, Segments> {
  const known = new Map<ValueId, Segments>();
  const one = (id: ValueId): Segments => oneSegment(graph.values[id].shape[1]);
  const of = (id: ValueId): Segments => known.get(id) ?? one(id);
  for (const id of graph.inputs) if (isPicture(graph, id)) known.set(id, one(id));
  for (const node of graph.nodes) {
    const [output] = node.outputs;
    if (isPicture(graph, output)) known.set(output, segmentsOfOutput(graph, node, of, one(output), foldsSegments));
  }
  return known;
}

function segmentsOfOutput(
  graph: Graph,
  node: Node,
  of: (id: ValueId) => Segments,
  one: Segments,
  foldsSegments: boolean,
): Segments {
  switch (node.type) {
    // Kernels that treat every channel alike keep the order of their input.
    case "activation":
    case "batchNorm":
    case "scale":
    case "maxPool2d":
    case "upsampleNearest":
    case "pad2d":
    case "globalAveragePool":
      return of(node.inputs[0]);
    case "add": {
      const first = of(node.inputs[0]);
      return node.inputs.every((id) => sameSegments(of(id), first)) ? first : one;
    }
    case "concat":
      return isChannelConcat(graph, node) ? joinSegments(node.inputs.map(of)) : one;
    case "sliceChannels":
      return sliceSegments(of(node.inputs[0]), node.attrs.start, node.attrs.end)?.segments ?? one;
    case "spaceToDepth":
      return foldsSegments ? joinSegments(new Array(node.attrs.block ** 2).fill(of(node.inputs[0]))) : one;
    default:
      return one;
  }
}

/** A value stored inside another one, `channel` stored channels after its start. */
export interface Place {
  readonly parent: ValueId;
  readonly channel: number;
}

/**
 * Which values are written straight into the output of a concat. Only the last of several concats (or the first of
 * several places in one) can have a value in place.
 * @param movable whether this node's output can be written anywhere; views of other values cannot.
 */
export function concatPlaces(
  graph: Graph,
  segments: ReadonlyMap<ValueId, Segments>,
  movable: (node: Node, concat: Node) => boolean,
): Map<ValueId, Place> {
  const producers = producersOf(graph);
  const places = new Map<ValueId, Place>();
  for (const node of [...graph.nodes].reverse()) {
    if (!isChannelConcat(graph, node)) continue;
    let channel = 0;
    for (const id of node.inputs) {
      const producer = producers.get(id);
      if (producer !== undefined && !places.has(id) && movable(graph.nodes[producer], node)) {
        places.set(id, { parent: node.outputs[0], channel });
      }
      channel += storedChannels(segments.get(id) ?? oneSegment(graph.values[id].shape[1]));
    }
  }
  return places;
}
