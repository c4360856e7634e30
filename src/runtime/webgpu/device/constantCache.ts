/**
 * Uploads of packed weights and tables, shared by all executables of a backend: one for each host tensor and order of
 * packing. Counted references, so that the last executable of a model frees them.
 */

import type { HostTensor } from "../../../tensor/index.js";
import type { Constant } from "../lower/plan.js";
import type { DeviceContext } from "./deviceContext.js";
import { BufferUsage } from "./flags.js";

interface Upload {
  readonly buffer: GPUBuffer;
  readonly bytes: number;
  readonly name: string;
  users: number;
}

export class ConstantCache {
  private readonly context: DeviceContext;
  private readonly uploads = new Map<string, Upload>();
  /** Numbers that stand for host tensors in keys. */
  private readonly ids = new WeakMap<HostTensor, number>();
  private nextId = 0;

  constructor(context: DeviceContext) {
    this.context = context;
  }

  /** The buffer with the constant's bytes; give it back with `release`. */
  acquire(constant: Constant): Upload {
    const name = `${constant.key}|${constant.sources.map((source) => this.idOf(source)).join(",")}`;
    let upload = this.uploads.get(name);
    if (!upload) {
      const data = constant.build();
      const buffer = this.context.createBuffer(
        data.byteLength,
        BufferUsage.STORAGE | BufferUsage.COPY_DST,
        `constant ${constant.key.slice(0, 40)}`,
      );
      this.context.device.queue.writeBuffer(buffer, 0, data);
      upload = { buffer, bytes: data.byteLength, name, users: 0 };
      this.uploads.set(name, upload);
    }
    upload.users++;
    return upload;
  }

  release(upload: Upload): void {
    if (--upload.users > 0) return;
    this.context.destroyBuffer(upload.buffer);
    this.uploads.delete(upload.name);
  }

  private idOf(tensor: HostTensor): number {
    let id = this.ids.get(tensor);
    if (id === undefined) {
      id = this.nextId++;
      this.ids.set(tensor, id);
    }
    return id;
  }
}

export type { Upload };
