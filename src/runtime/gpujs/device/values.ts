/** The values of one run: each on the host, on the device, or on both, moved when an op asks. */

import { invariant } from "../../../errors.js";
import type { Graph, ValueId } from "../../../ops/index.js";
import { type HostTensor, toFloat32 } from "../../../tensor/index.js";
import type { DeviceTensor } from "./device.js";
import type { KernelSet } from "./kernelSet.js";
import { extentOf, pack, unpack } from "./layout.js";

export class Values {
  private readonly hosts = new Map<ValueId, HostTensor>();
  private readonly devices = new Map<ValueId, DeviceTensor>();

  constructor(
    private readonly graph: Graph,
    private readonly kernels: KernelSet,
  ) {}

  setHost(id: ValueId, tensor: HostTensor): void {
    this.hosts.set(id, tensor);
  }

  setDevice(id: ValueId, tensor: DeviceTensor): void {
    this.devices.set(id, tensor);
  }

  /** NCHW values only. */
  device(id: ValueId): DeviceTensor {
    let tensor = this.devices.get(id);
    if (!tensor) {
      const { shape } = this.graph.values[id];
      tensor = this.kernels.upload(pack(toFloat32(this.host(id)).data, shape), extentOf(shape));
      this.devices.set(id, tensor);
    }
    return tensor;
  }

  host(id: ValueId): HostTensor {
    const known = this.hosts.get(id) ?? this.graph.constants.get(id);
    if (known) return known;
    const tensor = this.devices.get(id);
    const { name, shape } = this.graph.values[id];
    invariant(tensor, `value ${id} (${name}) was not computed`);
    const host: HostTensor = { dtype: "float32", shape, data: unpack(this.kernels.device.download(tensor), shape) };
    this.hosts.set(id, host);
    return host;
  }

  release(id: ValueId): void {
    this.hosts.delete(id);
    const tensor = this.devices.get(id);
    if (tensor) this.kernels.device.release(tensor);
    this.devices.delete(id);
  }

  releaseAll(): void {
    for (const id of [...this.devices.keys()]) this.release(id);
    this.hosts.clear();
  }
}
