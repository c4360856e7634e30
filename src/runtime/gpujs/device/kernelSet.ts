/** The kernels of one executable. Nodes of the same text and sizes share one, as every shader costs compile time. */

import type { DeviceTensor, GpujsDevice } from "./device.js";
import { type Extent, floatsOf } from "./layout.js";
import type { GpuKernel } from "./library.js";

export class KernelSet {
  /** Bytes that gpu.js's WebAssembly modules hold for arguments and results, one module a kernel. */
  moduleBytes = 0;
  private readonly kernels = new Map<string, GpuKernel>();
  private readonly uploads: GpuKernel | undefined;

  constructor(readonly device: GpujsDevice) {
    this.uploads = device.compileUpload();
  }

  /** Packed data to the device. */
  upload(data: Float32Array, extent: Extent): DeviceTensor {
    const [x, y, z] = extent;
    const input = this.device.input(data, [x * 4, y, z]);
    if (!this.uploads) return { extent, argument: input };
    return this.device.tensor(this.uploads.setOutput([x, y, z])(input), extent);
  }

  /** Runs a kernel whose threads give vec4s. */
  run(source: string, output: Extent, args: readonly DeviceTensor[]): DeviceTensor {
    const kernel = this.kernel(source, output, args, true);
    return this.device.tensor(kernel(...args.map(({ argument }) => argument)), output);
  }

  /** Runs a kernel whose threads give one float each, and reads them. */
  read(source: string, output: Extent, args: readonly DeviceTensor[]): Float32Array {
    const kernel = this.kernel(source, output, args, false);
    return this.device.floats(kernel(...args.map(({ argument }) => argument)), output[0] * output[1] * output[2]);
  }

  dispose(): void {
    for (const kernel of this.kernels.values()) kernel.destroy();
    this.kernels.clear();
    this.uploads?.destroy();
  }

  private kernel(source: string, output: Extent, args: readonly DeviceTensor[], vec4: boolean): GpuKernel {
    const key = `${output} ${args.map(({ extent }) => extent.join("x"))} ${source}`;
    let kernel = this.kernels.get(key);
    if (!kernel) {
      kernel = this.device.compile(source, output, vec4);
      this.kernels.set(key, kernel);
      if (this.device.mode === "webasm") {
        const floats = args.reduce((sum, { extent }) => sum + floatsOf(extent), floatsOf(output));
        this.moduleBytes += floats * 4;
      }
    }
    return kernel;
  }
}
