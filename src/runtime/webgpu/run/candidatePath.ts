/**
 * The way through a plan that brings back only the rows of a detection head that can become boxes: the steps of the detect node
 * are left out, others take their place (`detect_candidates.wgsl`). There is room for a fixed number of rows a picture.
 */

import { deviceThreshold, paramsBytes } from "../../../kernels/wgsl/index.js";
import type { CandidateOutputs, CandidateRows } from "../../backend.js";
import type { DevicePlan, Services } from "../device/bindings.js";
import type { Upload } from "../device/constantCache.js";
import { BufferUsage } from "../device/flags.js";
import type { DetectPlan } from "../lower/plan.js";
import { Readback, type ReadOutput, type RunPath, readOutputs } from "./runPath.js";

/** Initial capacity in rows per picture. */
const FIRST_CAPACITY = 512;
/** Alignment of binding offsets that every adapter accepts. */
const ALIGNMENT = 256;

/** The result of a run: rows, or the capacity that was needed. */
export type Found =
  | { readonly outputs: CandidateOutputs; readonly needed?: undefined }
  | { readonly outputs?: undefined; readonly needed: number };

export interface CandidateSource {
  readonly detect: DetectPlan;
  /** The graph's outputs but the detect node's. */
  readonly others: readonly ReadOutput[];
  readonly onDevice: DevicePlan;
  readonly services: Services;
}

export class CandidatePath implements RunPath<Found> {
  readonly dispatches: RunPath<Found>["dispatches"];
  readonly readback: Readback;
  /** Capacity in rows per picture. */
  readonly capacity: number;
  private readonly source: CandidateSource;
  /** Counters and row numbers (u32), from `dataOffset` on the rows: see `detectCandidatesCall`. */
  private readonly found: GPUBuffer;
  private readonly dataOffset: number;
  private readonly params: GPUBuffer;
  private readonly uploads: Upload[] = [];
  private threshold = Number.NaN;

  private constructor(source: CandidateSource, capacity: number, pipelines: readonly GPUComputePipeline[]) {
    this.source = source;
    this.capacity = capacity;
    const { detect, others, onDevice, services } = source;
    const { context, constants } = services;
    const { pictures, columns } = detect;
    this.dataOffset = Math.ceil((pictures * (1 + capacity) * 4) / ALIGNMENT) * ALIGNMENT;
    const bytes = this.dataOffset + pictures * capacity * columns * 4;
    const usage = BufferUsage.STORAGE | BufferUsage.COPY_SRC | BufferUsage.COPY_DST;
    this.found = context.createBuffer(bytes, usage, "candidates");
    this.params = context.createBuffer(
      detect.maps.length * this.paramsStride,
      BufferUsage.UNIFORM | BufferUsage.COPY_DST,
      "candidate params",
    );
    const added = detect.maps.map(({ operands, candidates }, i) => {
      const call = candidates(capacity, 0);
      const resources = [
        ...operands.map((operand) => {
          if (operand.kind !== "constant") return onDevice.range(operand);
          const upload = constants.acquire(operand);
          this.uploads.push(upload);
          return { buffer: upload.buffer };
        }),
        { buffer: this.found, offset: 0, size: this.dataOffset },
        { buffer: this.found, offset: this.dataOffset },
        { buffer: this.params, offset: i * this.paramsStride, size: this.paramsStride },
      ];
      context.counters.bindGroupsCreated++;
      const bindGroup = context.device.createBindGroup({
        label: "candidates",
        layout: services.pipelines.layout(call, new Set()),
        entries: resources.map((resource, binding) => ({ binding, resource })),
      });
      return { pipeline: pipelines[i], bindGroup, workgroups: call.workgroups };
    });
    const { dispatches } = onDevice;
    this.dispatches = [...dispatches.slice(0, detect.firstStep), ...added, ...dispatches.slice(detect.endStep)];
    this.readback = new Readback(context, [
      { buffer: this.found, offset: 0, size: bytes },
      ...others.map(({ tensor }) => onDevice.range(tensor)),
    ]);
  }

  /** @param needed rows of a picture that there must be room for */
  static async create(source: CandidateSource, needed = 0): Promise<CandidatePath> {
    const { maps, rows } = source.detect;
    const capacity = Math.min(rows, Math.max(FIRST_CAPACITY, 2 ** Math.ceil(Math.log2(needed + 1))));
    const calls = maps.map(({ candidates }) => candidates(capacity, 0));
    const pipelines = await Promise.all(calls.map((call) => source.services.pipelines.pipeline(call, new Set())));
    return new CandidatePath(source, capacity, pipelines);
  }

  /** On the device and for reading back. */
  get bytes(): number {
    return this.found.size + this.params.size + this.readback.staging.bytes;
  }

  /** Sets the score threshold for the next runs. */
  setThreshold(threshold: number): void {
    if (threshold === this.threshold) return;
    this.threshold = threshold;
    const words = new Uint8Array(this.params.size);
    this.source.detect.maps.forEach(({ candidates }, i) => {
      const { kernel, params } = candidates(this.capacity, deviceThreshold(threshold));
      if (params) words.set(paramsBytes(kernel, params), i * this.paramsStride);
    });
    this.source.services.context.device.queue.writeBuffer(this.params, 0, words);
  }

  begin(encoder: GPUCommandEncoder): void {
    encoder.clearBuffer(this.found, 0, this.source.detect.pictures * 4);
  }

  read(mapped: ArrayBuffer): Found {
    const { detect, others } = this.source;
    const { pictures, rows: total, columns } = detect;
    const { capacity } = this;
    const words = new Uint32Array(mapped, 0, pictures * (1 + capacity));
    const counts = words.subarray(0, pictures);
    const needed = Math.max(...counts);
    if (needed > capacity) return { needed };
    const rows = new Float32Array(mapped, this.dataOffset, pictures * capacity * columns);
    const candidates = Array.from(counts, (count, n): CandidateRows => {
      const first = n * capacity;
      const numbers = words.subarray(pictures + first, pictures + first + count);
      return { ...inOrder(numbers, rows.subarray(first * columns), columns), total, columns };
    });
    return { outputs: { candidates, others: readOutputs(others, this.readback.offsets.slice(1), mapped) } };
  }

  dispose(): void {
    const { context, constants } = this.source.services;
    for (const buffer of [this.found, this.params]) context.destroyBuffer(buffer);
    for (const upload of this.uploads.splice(0)) constants.release(upload);
    this.readback.staging.dispose();
  }

  private get paramsStride(): number {
    return this.source.services.context.device.limits.minUniformBufferOffsetAlignment;
  }
}

/** Rows by their numbers: the device leaves them in another order each time. */
function inOrder(numbers: Uint32Array, packed: Float32Array, columns: number): Pick<CandidateRows, "rows" | "data"> {
  // Row number and slot in one number that sorts without a comparison function.
  const keys = Float64Array.from(numbers, (row, slot) => row * numbers.length + slot).sort();
  const rows = new Int32Array(numbers.length);
  const data = new Float32Array(numbers.length * columns);
  keys.forEach((key, i) => {
    const slot = key % numbers.length;
    rows[i] = numbers[slot];
    data.set(packed.subarray(slot * columns, (slot + 1) * columns), i * columns);
  });
  return { rows, data };
}
