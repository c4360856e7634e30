/** Turns a graph into steps: where each value is stored and in which forms, converted when it is first needed. */

import { invariant, UnsupportedError } from "../../../errors.js";
import type { Graph, Node, ValueId } from "../../../ops/index.js";
import { elementCount, type HostTensor } from "../../../tensor/index.js";
import { channelCount, oneSegment, type Segments, sameSegments, storedChannels } from "../../channels.js";
import { type ChannelPlan, planChannels } from "./channels.js";
import type { Dense, Nhwc, StoredIntegers } from "./layout.js";
import type { SparseHead } from "./sparseSteps.js";
import type { InputPlace, LoweringOptions, PaddedPlanes } from "./steps.js";
import { StepWriter } from "./stepWriter.js";
import type { Address } from "./storages.js";

interface Placed {
  nhwc?: Nhwc;
  dense?: Dense;
  padded?: PaddedPlanes;
}

export class Lowering extends StepWriter {
  readonly channels: ChannelPlan;
  /** Values that are stored in integers: filled before the first node is lowered. */
  readonly integers = new Map<ValueId, StoredIntegers>();
  /** The steps for few rows of the head, where it has them. */
  sparseHead: SparseHead | undefined;
  private readonly values = new Map<ValueId, Placed>();

  constructor(
    readonly graph: Graph,
    readonly options: LoweringOptions,
  ) {
    super();
    this.channels = planChannels(graph);
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
        const fill = (target: Float32Array): void => target.set(data as Float32Array);
        const address = this.constant("dense", [constant], data.length, fill);
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
      const storage = this.allocate(n * h * w * pixelBytes);
      entry.nhwc = { storage, offset: 0, n, h, w, pixelBytes, segments };
    }
    return entry.nhwc;
  }

  outputDense(id: ValueId): Dense {
    const entry = this.placed(id);
    entry.dense ??= {
      storage: this.allocate(elementCount(this.shape(id)) * 4),
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
    entry.padded ??= { storage: this.allocate((n * c * plane + 16) * 4), n, c, h, w, padding, row, plane };
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
      from: { storage: dense.storage, offset: dense.offset + logical * h * w * 4 },
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
        { storage: view.storage, offset: view.offset + segment.start * 4 },
        { storage: dense.storage, offset: dense.offset + logical * h * w * 4 },
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
      storage: this.allocate(n * h * w * pixelBytes),
      offset: 0,
      pixelBytes,
      segments: single,
    };
    let logical = 0;
    for (const { start, count } of view.segments) {
      this.copy(
        { storage: view.storage, offset: view.offset + start * 4 },
        { storage: packed.storage, offset: logical * 4 },
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
        { storage: view.storage, offset: view.offset + start * 4 },
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
        { storage: view.storage, offset: view.offset + end * 4 },
        [n * h, 1, 1, 1, w, next - end],
        [0, 0, 0, 0, 0, 0],
        [w * pixelBytes, 0, 0, 0, pixelBytes, 4],
      );
    });
  }
}
