/**
 * A module tree on a backend: one compiled plan per input shape; the least recently used ones are dropped beyond a
 * memory limit.
 */

import {
  DisposedError,
  GraphError,
  invariant,
  LimitError,
  OptionError,
  PrecisionError,
  ShapeError,
} from "../errors.js";
import {
  type Backend,
  type CandidateOutputs,
  type ComputeDType,
  type DevicePicture,
  type Executable,
  type MemoryUse,
  type OnStage,
  type RunInput,
  type TuneOptions,
  takesPictures,
} from "../runtime/backend.js";
import { elementCount, formatShape, type HostTensor, tensor } from "../tensor/index.js";
import type { ModuleNode, OwnDecoding } from "../weights/types.js";
import { type BuiltGraph, buildGraph } from "./graph/buildGraph.js";
import { createWeightForms, type WeightForms } from "./graph/context.js";
import type { HeadFacts } from "./graph/heads.js";
import { asLimitError } from "./hostLimits.js";
import { devicePicturesToTensor } from "./input/letterbox.js";
import type { NetworkInput } from "./input/preprocess.js";
import { checkOnlySize } from "./options.js";
import type { Size } from "./output/boxes.js";
import { endToEndOutput, endToEndRows } from "./output/nms/endToEnd.js";
import { allRows, joinBatches, joinTensors } from "./output/nms/rows.js";
import { Plans } from "./plans.js";

export type InputShape = readonly [n: number, c: number, h: number, w: number];

export interface NetworkOptions {
  /**
   * Memory limit in bytes for compiled input shapes, not counting what they share; beyond it, the least recently used
   * are dropped. Default: depends on the backend (`Capabilities.shapeBudget`).
   */
  readonly shapeBudget?: number | undefined;
  readonly dtype?: ComputeDType | undefined;
  /** Measure which kernels are fastest before a new input shape runs, if the backend has a choice. */
  readonly tune?: TuneOptions | undefined;
  /** Receives a note if the network's values turn out to exceed float16's range. */
  readonly onNote?: ((note: string) => void) | undefined;
  /** Receives the times of every compilation's stages. */
  readonly onStage?: OnStage | undefined;
  /** Of an ONNX export whose head is decoded by the file's own operators. */
  readonly decoding?: OwnDecoding | undefined;
}

/** Memory for one input shape, and the total. */
export interface NetworkMemory extends MemoryUse {
  /** Currently compiled input shapes. */
  readonly shapes: number;
  /** Shared memory, and what each shape adds. */
  readonly totalBytes: number;
}

export class Network {
  readonly module: ModuleNode;
  readonly backend: Backend;
  /** Facts about the head, from a graph built at the smallest input. */
  readonly head: HeadFacts;
  private readonly forms: WeightForms = createWeightForms();
  private readonly tuneOptions: TuneOptions | undefined;
  private readonly onStage: OnStage | undefined;
  private readonly decoding: OwnDecoding | undefined;
  private readonly onNote: (note: string) => void;
  private precision: ComputeDType;
  private readonly plans: Plans;
  /** Maximum pictures per batch for sizes at which the device refused more. */
  private readonly largestBatch = new Map<string, number>();
  private disposed = false;

  constructor(module: ModuleNode, backend: Backend, options: NetworkOptions = {}) {
    this.module = module;
    this.backend = backend;
    this.precision = options.dtype ?? "float32";
    this.tuneOptions = options.tune;
    this.onStage = options.onStage;
    this.decoding = options.decoding;
    this.onNote = options.onNote ?? (() => undefined);
    this.plans = new Plans(
      () => options.shapeBudget ?? backend.capabilities.shapeBudget,
      () => this.dtype,
    );
    this.head = this.build([1, 3, 128, 128]).head;
    if (this.head.undecodedMaps !== undefined && !this.decoding) {
      throw new GraphError("the decoding of its head is in the ONNX file that it was made from; use that file");
    }
  }

  /** The actual precision: float32 instead of float16 if that overflowed or the backend lacks it. */
  get dtype(): ComputeDType {
    return this.precision === "float16" && !this.backend.capabilities.dtypes.includes("float16")
      ? "float32"
      : this.precision;
  }

  /** The graph as built, for one input shape. */
  build(shape: InputShape): BuiltGraph {
    return buildGraph(this.module, shape, this.forms);
  }

  /**
   * Runs `use` with the plan for an input shape, compiling it first if it is new. If values exceed float16's range,
   * runs again in float32 with a note; the network then stays in float32.
   * @throws what the backend's compiler throws; DisposedError.
   */
  async with<T>(shape: InputShape, use: (executable: Executable) => Promise<T>): Promise<T> {
    if (this.disposed) throw new DisposedError("the model");
    const { dtype } = this;
    try {
      return await this.plans.with({ dtype, shape }, () => this.compile(shape, dtype, this.tuneOptions), use);
    } catch (error) {
      if (!(error instanceof PrecisionError) || dtype !== "float16") throw asLimitError(error, this.backend.name);
      // Of calls that overlap, the first one changes it.
      if (this.precision === "float16") {
        this.precision = "float32";
        this.onNote(`half: ${error.message.replace(/; use float32$/, "")}; running in float32`);
      }
      return this.with(shape, use);
    }
  }

  /** Compiles (and tunes) a new shape separately, so that this does not count as inference time. */
  async tuneFirst(shape: readonly number[]): Promise<void> {
    if (!this.tuneOptions || !this.backend.capabilities.tunes) return;
    const [n, c, h, w] = shape;
    await this.with([n, c, h, w], async () => undefined);
  }

  private compile(shape: InputShape, dtype: ComputeDType, tune: TuneOptions | undefined): Promise<Executable> {
    const { backend, onStage } = this;
    const started = performance.now();
    const { graph } = this.build(shape);
    onStage?.("graph", performance.now() - started);
    return backend.compile(graph, { model: this, dtype, tune: backend.capabilities.tunes ? tune : undefined, onStage });
  }

  /**
   * Measures which kernels are fastest for an input shape and uses them from then on. Runs continue meanwhile with
   * the previous kernels.
   * @throws the signal's reason; what the backend's compiler throws.
   */
  async tune(shape: InputShape, options: TuneOptions): Promise<void> {
    if (this.disposed) throw new DisposedError("the model");
    const { dtype } = this;
    this.plans.replace({ dtype, shape }, await this.compile(shape, dtype, options));
  }

  /**
   * The shape of an input tensor.
   * @throws OptionError for anything but a tensor; ShapeError unless it is float32 [N, C, H, W] with sides that are
   * multiples of the largest stride.
   */
  shapeOf(input: HostTensor): InputShape {
    if (!Array.isArray(input?.shape) || !ArrayBuffer.isView(input.data)) {
      throw new OptionError('input must be a tensor { dtype: "float32", shape: [N, 3, H, W], data: Float32Array }');
    }
    const { dtype, shape } = input;
    const [n, c, h, w] = shape;
    this.checkSize([h, w]);
    const stride = Math.max(1, ...this.head.strides);
    if (shape.length !== 4 || dtype !== "float32" || h % stride !== 0 || w % stride !== 0) {
      throw new ShapeError(
        `input must be float32 N×3×H×W, H and W multiples of ${stride}, got ${dtype} ${formatShape(shape)}`,
        { dtype, shape, stride },
      );
    }
    return [n, c, h, w];
  }

  /**
   * The raw outputs for one input tensor [N, 3, H, W]. A batch beyond the device's limits is split.
   * @throws LimitError if even one picture exceeds them.
   */
  async forward(input: HostTensor): Promise<HostTensor[]> {
    return this.returned(await this.inParts({ shape: this.shapeOf(input), inputs: [input] }, runWhole, joinTensors));
  }

  /** @throws OptionError for an input size that the file's own decoding is not for. */
  private checkSize(size: Size): void {
    checkOnlySize({ onlyImgsz: this.decoding?.size }, size);
  }

  /** `forward` for pictures that the backend itself resizes to this input size. */
  async forwardPictures(pictures: readonly DevicePicture[], [height, width]: Size): Promise<HostTensor[]> {
    this.checkSize([height, width]);
    const shape = [pictures.length, 3, height, width];
    return this.returned(await this.inParts({ shape, pictures }, runWhole, joinTensors));
  }

  /** The outputs as the head returns them: an end-to-end one selects its boxes. */
  private returned(outputs: HostTensor[]): HostTensor[] {
    const { endToEnd, classes } = this.head;
    const decoded = this.decoded(outputs);
    const [rows, ...others] = decoded;
    return endToEnd ? [endToEndOutput(rows, classes), ...others] : decoded;
  }

  /** Rows in place of maps, if the file decodes them. */
  private decoded(outputs: HostTensor[]): HostTensor[] {
    const { undecodedMaps } = this.head;
    if (!this.decoding || undecodedMaps === undefined) return outputs;
    return [this.decoding.decode(outputs.slice(0, undecodedMaps)), ...outputs.slice(undecodedMaps)];
  }

  /**
   * The rows of a detection or segmentation head that can become boxes above a confidence threshold, and its other
   * outputs. All rows if the backend cannot select them.
   */
  async rows(input: NetworkInput, threshold: number): Promise<CandidateOutputs> {
    if (input.inputs) this.shapeOf(input.inputs[0]);
    else this.checkSize([input.shape[2], input.shape[3]]);
    const run = async (executable: Executable, given: RunInput) => {
      // Maps that the host decodes have no rows to select.
      const selects = takesPictures(executable) && !this.decoding;
      const found = selects ? await executable.runCandidates(given, threshold) : undefined;
      if (found) return found;
      const outputs = await runWhole(executable, given);
      return outputs && allRows(this.decoded(outputs));
    };
    const found = await this.inParts(input, run, joinBatches);
    return this.head.endToEnd ? endToEndRows(found, this.head.classes) : found;
  }

  /** Runs the whole batch at once or, if the device refused that many, in parts whose outputs are joined. */
  private async inParts<T>(input: NetworkInput, run: Run<T>, join: (parts: readonly T[]) => T): Promise<T> {
    const [n, c, h, w] = input.shape;
    const key = `${c}x${h}x${w}`;
    const parts: T[] = [];
    for (let first = 0; first < n; ) {
      const count = Math.min(this.largestBatch.get(key) ?? n, n - first);
      const given = partOf(input, first, count);
      try {
        parts.push(await this.with([count, c, h, w], (executable) => runPart(executable, given, [h, w], run)));
        first += count;
      } catch (error) {
        if (!(error instanceof LimitError) || count === 1) throw error;
        const half = Math.ceil(count / 2);
        this.largestBatch.set(key, Math.min(half, this.largestBatch.get(key) ?? half));
      }
    }
    return parts.length === 1 ? parts[0] : join(parts);
  }

  /** Its memory on the backend, for one input shape and for all compiled ones. */
  async memory(shape: InputShape): Promise<NetworkMemory> {
    const use = await this.with(shape, async (executable) => executable.memory());
    const { shapes, bytes } = this.plans.use;
    return { ...use, shapes, totalBytes: use.sharedBytes + bytes };
  }

  dispose(): void {
    this.disposed = true;
    this.plans.dispose();
  }
}

/** One way to run a plan; undefined if the executable does not accept pictures. */
type Run<T> = (executable: Executable, given: RunInput) => Promise<T | undefined>;

const runWhole: Run<HostTensor[]> = async (executable, { inputs, pictures }) => {
  if (inputs) return executable.run(inputs);
  return takesPictures(executable) ? executable.runPictures(pictures) : undefined;
};

/** Pictures that the device cannot take are resized here. */
async function runPart<T>(executable: Executable, given: RunInput, size: Size, run: Run<T>): Promise<T> {
  try {
    const outputs = await run(executable, given);
    if (outputs !== undefined) return outputs;
  } catch (error) {
    // A picture that is too large for the device at its own size, but not when resized.
    if (!(error instanceof LimitError) || given.inputs) throw error;
  }
  const outputs = await run(executable, { inputs: [devicePicturesToTensor(given.pictures ?? [], size)] });
  invariant(outputs !== undefined, "a backend ran a tensor and returned nothing");
  return outputs;
}

/** `count` pictures of a batch, from `first` on. */
function partOf({ shape, inputs, pictures }: NetworkInput, first: number, count: number): RunInput {
  if (pictures) return { pictures: pictures.slice(first, first + count) };
  const [, ...rest] = shape;
  const step = elementCount(rest);
  const data = (inputs[0].data as Float32Array).subarray(first * step, (first + count) * step);
  return { inputs: [tensor("float32", [count, ...rest], data)] };
}
