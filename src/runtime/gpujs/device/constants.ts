/** Packed weights on the device, each once: executables of one model at several input shapes share them. */

import type { DeviceTensor, GpujsDevice } from "./device.js";
import type { KernelSet } from "./kernelSet.js";
import { type Extent, floatsOf } from "./layout.js";

/** A constant requested by a lowering. */
export interface PackedConstant {
  /** Describes the packing; together with `sources` it identifies the constant. */
  readonly key: string;
  /** Objects with the lifetime of the model. */
  readonly sources: readonly object[];
  readonly extent: Extent;
  readonly pack: () => Float32Array;
}

export interface KeptConstant {
  readonly name: string;
  readonly tensor: DeviceTensor;
  users: number;
}

export class ConstantCache {
  private readonly kept = new Map<string, KeptConstant>();
  /** Numeric ids of sources, for names. */
  private readonly ids = new WeakMap<object, number>();
  private nextId = 0;

  constructor(private readonly device: GpujsDevice) {}

  /**
   * Must be returned with `release`.
   * @param kernels upload it if it is not there yet; it may outlive them. One upload kernel for all executables is no option:
   * gpu.js gives empty textures for further sizes once it has let go of textures of that kernel.
   * @throws LimitError for a constant that the device cannot hold.
   */
  acquire({ key, sources, extent, pack }: PackedConstant, kernels: KernelSet): KeptConstant {
    const name = `${key} ${extent}|${sources.map((source) => this.idOf(source)).join(",")}`;
    let entry = this.kept.get(name);
    if (!entry) {
      this.device.check(extent, "a weight");
      entry = { name, tensor: kernels.upload(pack(), extent), users: 0 };
      this.kept.set(name, entry);
    }
    entry.users++;
    return entry;
  }

  release(entry: KeptConstant): void {
    if (--entry.users > 0) return;
    this.kept.delete(entry.name);
    this.device.release(entry.tensor);
  }

  private idOf(source: object): number {
    let id = this.ids.get(source);
    if (id === undefined) {
      id = this.nextId++;
      this.ids.set(source, id);
    }
    return id;
  }
}

/** Bytes of constants, each counted once. */
export function bytesOf(constants: Iterable<KeptConstant>): number {
  let bytes = 0;
  for (const { tensor } of new Set(constants)) bytes += 4 * floatsOf(tensor.extent);
  return bytes;
}
