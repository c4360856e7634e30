/** Turns a graph into steps over symbolic addresses: kernels, arguments, blocks of memory. */

import { invariant, LimitError, UnsupportedError } from "../../../errors.js";
import { type CopyField, copy, type Kernel } from "../../../kernels/wasm/index.js";
import type { Graph, Node, ValueId } from "../../../ops/index.js";
import { elementCount, type HostTensor } from "../../../tensor/index.js";
import { channelCount, oneSegment, type Segments, sameSegments, storedChannels } from "../../channels.js";
import { type Address, type Block, createBlock } from "./blocks.js";
import { type ChannelPlan, planChannels } from "./channels.js";
import type { Dense, Nhwc } from "./layout.js";
import type { Argument, InputPlace, LoweringOptions, PaddedPlanes, Preparation, Step } from "./steps.js";

/** Far beyond what the largest released network, of 538 operations, takes. */
const MAX_STEPS = 100_000;

interface Placed {
  nhwc?: Nhwc;
  dense?: Dense;
  padded?: PaddedPlanes;
}

export class Lowering {
  readonly steps: Step[] = [];
  readonly arena: Block[] = [];
  readonly constants: Block[] = [];
  readonly preparations: Preparation[] = [];
  /** Where preparations find what the host wrote: the arena, which is free then. */
  readonly staging: Block = createBlock(0);
  /** Largest scratch memory that a kernel asked for. */
  scratchBytes = 64;
  /** Floats of the page of zeros. */
  zeroFloats = 64;
  readonly zeros: Block = createBlock(0);
  readonly channels: ChannelPlan;
  private readonly values = new Map<ValueId, Placed>();
  private readonly made = new Map<string, unknown>();
  private node = -1;

  constructor(
    readonly graph: Graph,
    readonly options: LoweringOptions,
  ) {
    this.channels = planChannels(graph);
  }

  /** Steps that follow belong to this node. */
  enter(node: number): void {
    this.node = node;
  }

  step<Field extends string>(kernel: Kernel<Field>, args: Readonly<Record<Field, Argument>>, tiles: number): void {
    const index = this.steps.length;
    for (const value of Object.values<Argument>(args)) {
      if (typeof value === "object" && "block" in value) {
        value.block.first = Math.min(value.block.first, index);
        value.block.last = Math.max(value.block.last, index);
      }
    }
    if (this.steps.length >= MAX_STEPS) {
      throw new LimitError(`wasm: the model needs more than ${MAX_STEPS} kernel calls; it is damaged or hostile`);
    }
    this.steps.push({ kernel, args, tiles, node: this.node });
  }

  /** Activation memory. */
  allocate(bytes: number): Block {
    const block = createBlock(bytes);
    this.arena.push(block);
    return block;
  }

  /** Memory that keeps what `fill` wrote at start. */
  constant(floats: number, fill: (target: Float32Array) => void): Address {
    const block = createBlock(floats * 4, fill);
    this.constants.push(block);
    return { block, offset: 0 };
  }

  /** Memory that keeps what a kernel makes at start, of `stagedFloats` that `stage` writes. */
  prepared(
    floats: number,
    stagedFloats: number,
    stage: (target: Float32Array) => void,
    step: (staged: Address, out: Address) => Omit<Step, "node">,
  ): Address {
    const block = createBlock(floats * 4);
    this.constants.push(block);
    const out = { block, offset: 0 };
    const staged = { block: this.staging, offset: 0 };
    this.preparations.push({ step: { ...step(staged, out), node: -1 }, bytes: stagedFloats * 4, stage });
    return out;
  }

  /** What several nodes can use, made by the first; the key tells its type. */
  shared<T>(key: string, make: () => T): T {
    if (!this.made.has(key)) this.made.set(key, make());
    return this.made.get(key) as T;
  }

  /** Words for kernels' tables. */
  table(words: ArrayLike<number>): Address {
    return this.constant(words.length, (target) => {
      new Int32Array(target.buffer, target.byteOffset, words.length).set(words);
    });
  }

  /** Address of at least `floats` zeros. */
  zeroPage(floats: number): Address {
    this.zeroFloats = Math.max(this.zeroFloats, floats);
    return { block: this.zeros, offset: 0 };
  }

  /** @throws UnsupportedError for weights that are no constants of the graph. */
  weight(id: ValueId, node: Node): HostTensor<"float32"> {
    const tensor = this.graph.constants.get(id);
    if (tensor?.dtype !== "float32") {
      throw new UnsupportedError(
        `wasm: ${node.type} needs float32 constants as weights, got ${tensor?.dtype ?? "a computed value"} (${node.name})`,
        { node: node.name },
      );
    }
    return tensor as HostTensor<"float32">;
  }

  shape(id: ValueId): readonly number[] {
    return this.graph.values[id].shape;
  }

  segments(id: ValueId): Segments {
    return this.channels.segments.get(id) ?? oneSegment(this.shape(id)[1]);
  }

  private placed(id: ValueId): Placed {
    let entry = this.values.get(id);
    if (!entry) {
      entry = {};
      this.values.set(id, entry);
      const constant = this.graph.constants.get(id);
      if (constant) {
        const { data } = constant;
        const address = this.constant(data.length, (target) => target.set(data as Float32Array));
        entry.dense = { ...address, shape: constant.shape };
      }
    }
    return entry;
  }

  /** Memory for a rank-4 output: its own, or its slice of the concatenation that it belongs to. */
  outputNhwc(id: ValueId): Nhwc {
    const entry = this.placed(id);
    if (entry.nhwc) return entry.nhwc;
    const [n, , h, w] = this.shape(id);
    const segments = this.segments(id);
    const place = this.channels.places.get(id);
    if (place) {
      const parent = this.outputNhwc(place.parent);
      entry.nhwc = { ...parent, offset: parent.offset + place.channel * 4, segments };
    } else {
      const pixelBytes = storedChannels(segments) * 4;
      const block = this.allocate(n * h * w * pixelBytes);
      entry.nhwc = { block, offset: 0, n, h, w, pixelBytes, segments };
    }
    return entry.nhwc;
  }

  outputDense(id: ValueId): Dense {
    const entry = this.placed(id);
    entry.dense ??= {
      block: this.allocate(elementCount(this.shape(id)) * 4),
      offset: 0,
      shape: this.shape(id),
    };
    return entry.dense;
  }

  /** Makes a value another view of memory that is already there. */
  alias(id: ValueId, view: Nhwc): void {
    this.placed(id).nhwc = view;
  }

  aliasDense(id: ValueId, view: Dense): void {
    this.placed(id).dense = view;
  }

  /** An input as planes with a border of zeros, where that is the only way it is read. */
  paddedInput(id: ValueId, padding: readonly [number, number]): PaddedPlanes {
    const entry = this.placed(id);
    const [n, c, h, w] = this.shape(id);
    const row = w + 2 * padding[1];
    const plane = row * (h + 2 * padding[0]);
    entry.padded ??= { block: this.allocate((n * c * plane + 16) * 4), n, c, h, w, padding, row, plane };
    return entry.padded;
  }

  inputPlace(id: ValueId): InputPlace {
    const entry = this.placed(id);
    if (entry.padded) return { padded: entry.padded };
    return { dense: this.outputDense(id) };
  }

  /** What is there of a value, without converting. */
  peek(id: ValueId): { readonly nhwc?: Nhwc; readonly dense?: Dense } {
    return this.values.get(id) ?? {};
  }

  /** A rank-4 value as NHWC, converted once where it is dense. */
  nhwc(id: ValueId): Nhwc {
    const entry = this.placed(id);
    if (entry.nhwc) return entry.nhwc;
    const dense = this.dense(id);
    const view = this.outputNhwc(id);
    const [, c, h, w] = dense.shape;
    this.copyChannels(view, (logical, count) => ({
      from: { block: dense.block, offset: dense.offset + logical * h * w * 4 },
      image: c * h * w * 4,
      row: w * 4,
      pixel: 4,
      channel: h * w * 4,
      count,
    }));
    this.clearGaps(view);
    return view;
  }

  /** A value as dense NCHW, converted once where it is NHWC. */
  dense(id: ValueId): Dense {
    const entry = this.placed(id);
    if (entry.dense) return entry.dense;
    if (this.graph.inputs.includes(id)) return this.outputDense(id);
    const view = entry.nhwc;
    invariant(view, `value ${id} (${this.graph.values[id].name}) was not computed`);
    const dense = this.outputDense(id);
    const { n, h, w, pixelBytes, segments } = view;
    const c = channelCount(segments);
    let logical = 0;
    for (const segment of segments) {
      this.copy(
        { block: view.block, offset: view.offset + segment.start * 4 },
        { block: dense.block, offset: dense.offset + logical * h * w * 4 },
        [n, segment.count, 1, 1, h, w],
        [h * w * pixelBytes, 4, 0, 0, w * pixelBytes, pixelBytes],
        [c * h * w * 4, h * w * 4, 0, 0, w * 4, 4],
      );
      logical += segment.count;
    }
    return dense;
  }

  /** A value whose channels stand in one segment, copied where they do not. */
  compact(id: ValueId): Nhwc {
    const view = this.nhwc(id);
    const single = oneSegment(channelCount(view.segments));
    if (sameSegments(view.segments, single)) return view;
    const pixelBytes = storedChannels(single) * 4;
    const { n, h, w } = view;
    const packed: Nhwc = {
      ...view,
      block: this.allocate(n * h * w * pixelBytes),
      offset: 0,
      pixelBytes,
      segments: single,
    };
    let logical = 0;
    for (const { start, count } of view.segments) {
      this.copy(
        { block: view.block, offset: view.offset + start * 4 },
        { block: packed.block, offset: logical * 4 },
        [n * h, 1, 1, 1, w, count],
        [w * view.pixelBytes, 0, 0, 0, view.pixelBytes, 4],
        [w * pixelBytes, 0, 0, 0, pixelBytes, 4],
      );
      logical += count;
    }
    this.clearGaps(packed);
    return packed;
  }

  /** Writes each segment of a view from a source described by its strides in bytes. */
  private copyChannels(
    view: Nhwc,
    source: (
      logical: number,
      count: number,
    ) => { from: Address; image: number; row: number; pixel: number; channel: number; count: number },
  ): void {
    const { n, h, w, pixelBytes } = view;
    let logical = 0;
    for (const { start, count } of view.segments) {
      const s = source(logical, count);
      this.copy(
        s.from,
        { block: view.block, offset: view.offset + start * 4 },
        [n, h, 1, 1, w, count],
        [s.image, s.row, 0, 0, s.pixel, s.channel],
        [h * w * pixelBytes, w * pixelBytes, 0, 0, pixelBytes, 4],
      );
      logical += count;
    }
  }

  /** Zeros where a view has no channel, so that gaps are finite. */
  clearGaps(view: Nhwc): void {
    const { n, h, w, pixelBytes, segments } = view;
    const physical = storedChannels(segments);
    segments.forEach(({ start, count }, i) => {
      const end = start + count;
      const next = segments[i + 1]?.start ?? physical;
      if (next === end) return;
      this.copy(
        this.zeroPage(1),
        { block: view.block, offset: view.offset + end * 4 },
        [n * h, 1, 1, 1, w, next - end],
        [0, 0, 0, 0, 0, 0],
        [w * pixelBytes, 0, 0, 0, pixelBytes, 4],
      );
    });
  }

  /** Strided copy; strides in bytes, the innermost dimension last. */
  copy(x: Address, out: Address, counts: readonly number[], from: readonly number[], to: readonly number[]): void {
    if (elementCount(counts) === 0) return;
    const args: Partial<Record<CopyField, Argument>> = { x, out };
    for (const i of [0, 1, 2, 3, 4, 5] as const) {
      args[`count${i}`] = counts[i];
      args[`from${i}`] = from[i];
      args[`to${i}`] = to[i];
    }
    const wide = from[5] === 4 && to[5] === 4 && counts[5] % 4 === 0;
    this.step(copy(wide), args as Record<CopyField, Argument>, counts[0] * counts[1]);
  }
}
