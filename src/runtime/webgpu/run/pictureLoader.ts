/**
 * Loads pictures into the input of a plan: uploads their bytes, or copies a browser's picture into a texture. One
 * extra dispatch per picture then resizes it, places it on grey and converts it to floats.
 */

import { LimitError, ShapeError } from "../../../errors.js";
import { type KernelCall, letterboxCall, paramsBytes } from "../../../kernels/wgsl/index.js";
import type { AxisTaps, DevicePicture } from "../../backend.js";
import type { Services } from "../device/bindings.js";
import type { Upload } from "../device/constantCache.js";
import type { Encodable } from "../device/encode.js";
import { BufferUsage } from "../device/flags.js";
import type { Constant } from "../lower/plan.js";

/** Precomputed quotients: a GPU's own division may be off by a bit. */
const LEVELS: Constant = {
  kind: "constant",
  sources: [],
  key: "byte / 255",
  build: () => Float32Array.from({ length: 256 }, (_, level) => level / 255),
};

/** Where the input lies, and its shape. */
export interface LoadTarget {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly size: number;
  readonly shape: readonly number[];
}

/** Where the pixels of a picture lie, and how the kernel is bound to them. */
interface Place<T> {
  readonly source: T;
  readonly bindGroup: GPUBindGroup;
}

/** The device resources of one picture of a batch. */
interface Slot {
  readonly taps: GPUBuffer;
  readonly params: GPUBuffer;
  bytes?: Place<GPUBuffer>;
  texture?: Place<GPUTexture>;
  columns?: AxisTaps;
  rows?: AxisTaps;
}

export class PictureLoader {
  private readonly services: Services;
  private readonly target: LoadTarget;
  private readonly levels: Upload;
  private readonly slots: Slot[] = [];

  constructor(services: Services, target: LoadTarget) {
    this.services = services;
    this.target = target;
    this.levels = services.constants.acquire(LEVELS);
  }

  /** Bytes on the device. */
  get bytes(): number {
    return this.slots.reduce((sum, { taps, params, bytes, texture }) => {
      const drawn = texture ? texture.source.width * texture.source.height * 4 : 0;
      return sum + taps.size + params.size + (bytes?.source.size ?? 0) + drawn;
    }, 0);
  }

  /**
   * Uploads one picture for each of the batch.
   * @returns the dispatches to run before the plan.
   * @throws ShapeError for a different number of pictures, or parts beyond the input; LimitError.
   */
  async load(pictures: readonly DevicePicture[]): Promise<Encodable[]> {
    const { context, pipelines } = this.services;
    const { queue } = context.device;
    const [n, , height, width] = this.target.shape;
    if (pictures.length !== n) throw new ShapeError(`run: ${pictures.length} pictures given, the plan is for ${n}`);
    const leads: Encodable[] = [];
    for (const [index, { pixels, x, y, columns, rows, grey }] of pictures.entries()) {
      const [contentWidth, contentHeight] = [columns.first.length, rows.first.length];
      if (x + contentWidth > width || y + contentHeight > height) {
        throw new ShapeError(
          `run: ${contentWidth}×${contentHeight} pixels at ${x}, ${y} are beyond ${width}×${height}`,
        );
      }
      const [sourceWidth, sourceBytes] = [pixels.width, pixels.channels];
      const sizes = { width, height, x, y, contentWidth, contentHeight, index, grey, sourceWidth, sourceBytes };
      this.slots[index] ??= this.newSlot(index);
      const slot = this.slots[index];
      const drawn = this.loadDrawn(slot, letterboxCall(sizes, "texture"), pixels);
      const call = letterboxCall(sizes, drawn ? "texture" : "bytes");
      const { bindGroup } = drawn ?? this.loadBytes(slot, call, pixels);
      const pipeline = await pipelines.pipeline(call, new Set());
      if (slot.columns !== columns || slot.rows !== rows) {
        queue.writeBuffer(slot.taps, 0, packTaps(columns, rows));
        Object.assign(slot, { columns, rows });
      }
      if (call.params) queue.writeBuffer(slot.params, 0, paramsBytes(call.kernel, call.params));
      leads.push({ pipeline, bindGroup, workgroups: call.workgroups });
    }
    return leads;
  }

  dispose(): void {
    const { context, constants } = this.services;
    for (const { taps, params, bytes, texture } of this.slots.splice(0)) {
      for (const buffer of [taps, params, ...(bytes ? [bytes.source] : [])]) context.destroyBuffer(buffer);
      if (texture) context.destroyTexture(texture.source);
    }
    constants.release(this.levels);
  }

  private newSlot(index: number): Slot {
    const { context } = this.services;
    const [, , height, width] = this.target.shape;
    const { STORAGE, UNIFORM, COPY_DST } = BufferUsage;
    const taps = context.createBuffer((width + height) * 16, STORAGE | COPY_DST, `taps ${index}`);
    return { taps, params: context.createBuffer(48, UNIFORM | COPY_DST, `picture params ${index}`) };
  }

  /** A buffer with the picture's bytes: made once, grown where a larger picture comes. */
  private loadBytes(slot: Slot, call: KernelCall, pixels: DevicePicture["pixels"]): Place<GPUBuffer> {
    const { context } = this.services;
    const bytes = Math.ceil((pixels.width * pixels.height * pixels.channels) / 4) * 4;
    const { maxStorageBufferBindingSize } = context.device.limits;
    if (bytes > maxStorageBufferBindingSize) {
      throw new LimitError(
        `webgpu: a picture of ${pixels.width}×${pixels.height} pixels has ${bytes} bytes, the adapter binds at most ${maxStorageBufferBindingSize}; use a smaller picture`,
        { bytes, maxStorageBufferBindingSize },
      );
    }
    if (!slot.bytes || slot.bytes.source.size < bytes) {
      if (slot.bytes) context.destroyBuffer(slot.bytes.source);
      const source = context.createBuffer(bytes, BufferUsage.STORAGE | BufferUsage.COPY_DST, "picture");
      slot.bytes = { source, bindGroup: this.bind({ buffer: source }, slot, call) };
    }
    this.write(slot.bytes.source, pixels);
    return slot.bytes;
  }

  /** A texture with the picture, which a browser copies there; undefined where it does not or there is nothing to copy. */
  private loadDrawn(
    slot: Slot,
    call: KernelCall,
    { width, height, drawable }: DevicePicture["pixels"],
  ): Place<GPUTexture> | undefined {
    const { context } = this.services;
    const { device } = context;
    if (!drawable || Math.max(width, height) > device.limits.maxTextureDimension2D) return undefined;
    const known = slot.texture?.source;
    if (!slot.texture || !known || known.width < width || known.height < height) {
      if (known) context.destroyTexture(known);
      const source = context.createTexture(Math.max(width, known?.width ?? 0), Math.max(height, known?.height ?? 0));
      slot.texture = { source, bindGroup: this.bind(source.createView(), slot, call) };
    }
    try {
      const destination = { texture: slot.texture.source, colorSpace: "srgb", premultipliedAlpha: false } as const;
      // The one place that knows what it is: browsers only.
      const source = drawable as VideoFrame | ImageBitmap;
      device.queue.copyExternalImageToTexture({ source }, destination, [width, height]);
    } catch {
      return undefined;
    }
    return slot.texture;
  }

  private bind(source: GPUBindingResource, { taps, params }: Slot, call: KernelCall): GPUBindGroup {
    const { context, pipelines } = this.services;
    const { buffer, offset, size } = this.target;
    const resources = [
      source,
      { buffer: taps },
      { buffer: this.levels.buffer },
      { buffer, offset, size },
      { buffer: params },
    ];
    context.counters.bindGroupsCreated++;
    return context.device.createBindGroup({
      label: "letterbox",
      layout: pipelines.layout(call, new Set()),
      entries: resources.map((resource, binding) => ({ binding, resource })),
    });
  }

  /** Sizes of writes are multiples of four, pictures need not be. */
  private write(to: GPUBuffer, { data, width, height, channels }: DevicePicture["pixels"]): void {
    const { queue } = this.services.context.device;
    const length = width * height * channels;
    if (data.length < length) {
      throw new ShapeError(`run: a picture of ${width}×${height} pixels needs ${length} bytes, got ${data.length}`);
    }
    // A view of shared memory is refused.
    const own = data.buffer instanceof ArrayBuffer ? (data as Uint8Array<ArrayBuffer>) : new Uint8Array(data);
    const whole = length - (length % 4);
    if (whole > 0) queue.writeBuffer(to, 0, own, 0, whole);
    if (whole < length) {
      const rest = new Uint8Array(4);
      rest.set(own.subarray(whole, length));
      queue.writeBuffer(to, whole, rest);
    }
  }
}

function packTaps(columns: AxisTaps, rows: AxisTaps): Uint32Array<ArrayBuffer> {
  const words = new Uint32Array((columns.first.length + rows.first.length) * 4);
  let at = 0;
  for (const { first, second, firstWeight, secondWeight } of [columns, rows]) {
    for (let i = 0; i < first.length; i++, at += 4) {
      words[at] = first[i];
      words[at + 1] = second[i];
      words[at + 2] = firstWeight[i];
      words[at + 3] = secondWeight[i];
    }
  }
  return words;
}
