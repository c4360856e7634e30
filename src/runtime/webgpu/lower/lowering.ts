/** The state of lowering a graph: which tensor holds which value, the dispatches so far, the storages they touch. */

import { invariant } from "../../../errors.js";
import {
  copyChannelsCall,
  type KernelCall,
  type PixelBytes,
  packNchwCall,
  pixelCount,
  type Stored,
  storedBytes,
  storedTensor,
  unpackNchwCall,
} from "../../../kernels/wgsl/index.js";
import type { Graph, Node, ValueId } from "../../../ops/index.js";
import { elementCount, type HostTensor } from "../../../tensor/index.js";
import {
  channelCount,
  channelsOfStored,
  isOneSegment,
  oneSegment,
  type Segments,
  sameSegments,
  storedChannels,
  storedOfChannels,
} from "../../channels.js";
import { toHalves } from "./halves.js";
import type { Placement } from "./placement.js";
import type { BlockedTensor, Constant, DenseTensor, DetectPlan, Operand, Step, Storage, Tensor } from "./plan.js";

const NONE = 0xffffffff;

export class Lowering {
  readonly graph: Graph;
  readonly placement: Placement;
  readonly steps: Step[] = [];
  readonly storages: Storage[] = [];
  readonly detects: DetectPlan[] = [];
  private readonly blockedTensors = new Map<ValueId, BlockedTensor>();
  private readonly denseTensors = new Map<ValueId, DenseTensor>();
  /** Storages of values that hold placed slices, made when the first slice is written. */
  private readonly rootStorages = new Map<ValueId, Storage>();
  private readonly pixelBytes: PixelBytes;
  private node: Pick<Node, "name" | "type"> = { name: "", type: "conv2d" };

  /** `half`: pictures and the weights of convolutions are stored in float16; dense floats stay what they are. */
  constructor(graph: Graph, placement: Placement, half = false) {
    this.graph = graph;
    this.placement = placement;
    this.pixelBytes = half ? 8 : 16;
  }

  /** Names the node that the next steps belong to. */
  enter(node: Pick<Node, "name" | "type">): void {
    this.node = node;
  }

  /** @returns the constant's host tensor. */
  constant(id: ValueId): HostTensor {
    const tensor = this.graph.constants.get(id);
    invariant(tensor, `${this.node.name}: value ${id} is not a constant`);
    return tensor;
  }

  isPicture(id: ValueId): boolean {
    return this.graph.values[id].shape.length === 4;
  }

  storedOf(id: ValueId, segments: Segments): Stored {
    const [n, , h, w] = this.graph.values[id].shape;
    return this.stored(n, storedChannels(segments), h, w);
  }

  segmentsOf(id: ValueId): Segments {
    return this.placement.segments.get(id) ?? oneSegment(this.graph.values[id].shape[1]);
  }

  /** The tensor that the value's node writes: a slice of a concat's output where it was placed there. */
  output(id: ValueId): BlockedTensor {
    const segments = this.segmentsOf(id);
    const stored = this.storedOf(id, segments);
    let root = id;
    let channel = 0;
    for (let place = this.placement.places.get(root); place; place = this.placement.places.get(root)) {
      channel += place.channel;
      root = place.parent;
    }
    let storage = this.rootStorages.get(root);
    if (!storage) {
      const whole = this.storedOf(root, this.segmentsOf(root));
      storage = this.storage(storedBytes(whole));
      this.rootStorages.set(root, storage);
    }
    const byteOffset = (channel / 4) * stored.plane * stored.pixelBytes;
    const made: BlockedTensor = { kind: "blocked", stored, segments, storage, byteOffset };
    this.blockedTensors.set(id, made);
    return made;
  }

  denseOutput(id: ValueId): DenseTensor {
    const made = this.denseTemporary(elementCount(this.graph.values[id].shape));
    this.denseTensors.set(id, made);
    return made;
  }

  /** Makes a value another name for a tensor that is there already. */
  alias(id: ValueId, tensor: Tensor): void {
    if (tensor.kind === "blocked") this.blockedTensors.set(id, tensor);
    else this.denseTensors.set(id, tensor);
  }

  temporary(stored: Stored, segments: Segments): BlockedTensor {
    return { kind: "blocked", stored, segments, storage: this.storage(storedBytes(stored)), byteOffset: 0 };
  }

  denseTemporary(elements: number): DenseTensor {
    return { kind: "dense", elements, storage: this.storage(Math.ceil(elements / 4) * 16), byteOffset: 0 };
  }

  /** The tensor that holds a value now, in whichever form. */
  known(id: ValueId): Tensor | undefined {
    return this.blockedTensors.get(id) ?? this.denseTensors.get(id);
  }

  /** The value in groups of four channels, converted on first use where a node or caller gave it as dense floats. */
  blocked(id: ValueId): BlockedTensor {
    const known = this.blockedTensors.get(id);
    if (known) return known;
    const from = this.denseTensors.get(id);
    invariant(from && this.isPicture(id), `${this.node.name}: value ${id} has no pictures`);
    const made = this.output(id);
    const channels = this.graph.values[id].shape[1];
    this.emit(packNchwCall(channels, made.stored), [from, made]);
    return made;
  }

  /** The dense floats of a value that nothing needs in groups of four channels yet. */
  onlyDense(id: ValueId): DenseTensor | undefined {
    return this.blockedTensors.has(id) ? undefined : this.denseTensors.get(id);
  }

  /** As `blocked`, with channel i stored at i: a copy where a concat left gaps. */
  compact(id: ValueId): BlockedTensor {
    const tensor = this.blocked(id);
    return isOneSegment(tensor.segments) ? tensor : this.remapped(tensor, oneSegment(channelCount(tensor.segments)));
  }

  /** The tensor itself where its channels lie like that, else a copy that has. */
  remapped(tensor: BlockedTensor, segments: Segments): BlockedTensor {
    if (sameSegments(tensor.segments, segments)) return tensor;
    const { pictures, height, width } = tensor.stored;
    const made = this.temporary(this.stored(pictures, storedChannels(segments), height, width), segments);
    this.copyChannels(tensor, made, 0);
    return made;
  }

  /** Copies channels [start, …) of `from` into all channels of `to`. */
  copyChannels(from: BlockedTensor, to: BlockedTensor, start: number): void {
    const stored = storedOfChannels(from.segments);
    const sources = channelsOfStored(to.segments).map((channel) => (channel < 0 ? NONE : stored[start + channel]));
    const table = this.table("channels", sources);
    this.emit(copyChannelsCall(from.stored, to.stored), [from, table, to], true);
  }

  /** The value as row-major floats. */
  dense(id: ValueId): DenseTensor {
    const known = this.denseTensors.get(id);
    if (known) return known;
    const from = this.blocked(id);
    const made = this.denseOutput(id);
    const stored = storedOfChannels(from.segments);
    this.emit(unpackNchwCall(from.stored, stored.length), [from, this.table("stored", stored), made]);
    return made;
  }

  /** A dense tensor seen as one quad of pixels, for kernels that work element by element. */
  asPixels(t: DenseTensor): Stored {
    const pixels = Math.ceil(t.elements / 4);
    return { pictures: 1, height: 1, width: pixels, quads: 1, plane: pixels, pixelBytes: 16 };
  }

  /** A small array of indices, shared by equal requests. */
  table(name: string, values: readonly number[]): Constant {
    const padded = [...values, ...new Array<number>((4 - (values.length % 4)) % 4).fill(NONE)];
    return {
      kind: "constant",
      sources: [],
      key: `${name}:${values.join(",")}`,
      build: () => Uint32Array.from(padded),
    };
  }

  weights(sources: readonly HostTensor[], key: string, build: Constant["build"]): Constant {
    return { kind: "constant", sources, key, build };
  }

  /** Weights of a convolution, stored as its pictures are. @throws PrecisionError where float16 cannot hold one. */
  kernelWeights(source: HostTensor, key: string, build: () => Float32Array<ArrayBuffer>): Constant {
    if (this.pixelBytes === 16) return this.weights([source], key, build);
    const { name } = this.node;
    return { kind: "constant", sources: [source], key: `half:${key}`, build: () => toHalves(build(), name) };
  }

  /** As `storedTensor`, in this plan's precision. */
  stored(pictures: number, storedChannels: number, height: number, width: number): Stored {
    return storedTensor(pictures, storedChannels, height, width, this.pixelBytes);
  }

  /** Adds a dispatch; the operands are in the order of the kernel's bindings. */
  emit(call: KernelCall, operands: readonly Operand[], isCopy = false): void {
    const y = operands[operands.length - 1];
    if (y.kind === "blocked" && this.wouldAlias(operands, y)) {
      const aside = this.temporary(y.stored, y.segments);
      this.emit(call, [...operands.slice(0, -1), aside], isCopy);
      this.copyChannels(aside, y, 0);
      return;
    }
    const index = this.steps.length;
    for (const operand of operands) {
      if (operand.kind === "constant") continue;
      const { storage } = operand;
      storage.first = Math.min(storage.first, index);
      storage.last = Math.max(storage.last, index);
    }
    const half = this.pixelBytes === 8 && operands.some(({ kind }) => kind === "blocked");
    this.steps.push({ node: this.node, call: half ? { ...call, half } : call, operands, flops: 0, isCopy });
  }

  pixels(t: BlockedTensor): number {
    return pixelCount(t.stored);
  }

  /**
   * Inputs that share a storage with the output are bound read_write (`kernelText`), and no two read_write bindings of a
   * dispatch may overlap: two inputs that are one tensor then need the output elsewhere.
   */
  private wouldAlias(operands: readonly Operand[], y: BlockedTensor): boolean {
    const offsets = operands.flatMap((o) =>
      o.kind !== "constant" && o !== y && o.storage === y.storage ? [o.byteOffset] : [],
    );
    return new Set(offsets).size !== offsets.length;
  }

  private storage(bytes: number): Storage {
    const made: Storage = { id: this.storages.length, bytes, first: Number.POSITIVE_INFINITY, last: -1 };
    this.storages.push(made);
    return made;
  }
}
