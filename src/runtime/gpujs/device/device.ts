/** One gpu.js context: its mode, and tensors and kernels on it. */

import { DeviceError, DeviceLostError, LimitError } from "../../../errors.js";
import type { Dialect } from "../kernels/dialect.js";
import { type Extent, floatsOf } from "./layout.js";
import type { Gpu, GpuArgument, GpuInput, GpuKernel, GpuLibrary, GpuTexture } from "./library.js";
import { isSoftwareRenderer, rendererOf } from "./renderer.js";

/** `webgl2`: fragment shaders; `webasm` and `cpu`: gpu.js's own compilers to WebAssembly and JavaScript. */
export type GpujsMode = "webgl2" | "webasm" | "cpu";

/** Packed as `layout.ts` says. */
export interface DeviceTensor {
  readonly extent: Extent;
  readonly argument: GpuArgument;
}

/** By default gpu.js limits kernel loops to 1000 iterations. */
const MOST_TURNS = 1 << 20;

/** @throws DeviceError if the host cannot run the mode. */
function chooseMode({ GPU }: GpuLibrary, wanted: GpujsMode | "auto"): GpujsMode {
  const supported: Record<GpujsMode, boolean> = {
    webgl2: GPU.isWebGL2Supported,
    webasm: GPU.isWebAssemblySupported ?? false,
    cpu: true,
  };
  if (wanted === "auto") return supported.webgl2 ? "webgl2" : supported.webasm ? "webasm" : "cpu";
  if (!supported[wanted]) throw new DeviceError(`gpujs: this host cannot run gpu.js's mode ${wanted}; use mode auto`);
  return wanted;
}

/** Nested results [z][y][x] as one array: rows of floats, or of four floats per thread. */
function flatten(nested: unknown, floats: number): Float32Array {
  const layers = nested as readonly (readonly (Float32Array | readonly Float32Array[])[])[];
  const firstRow = layers[0][0];
  const first = firstRow instanceof Float32Array ? firstRow : firstRow[0];
  // The WebAssembly mode cuts its rows from one array, in order.
  if (first.byteOffset === 0 && first.buffer.byteLength === floats * 4) return new Float32Array(first.buffer);
  const out = new Float32Array(floats);
  let at = 0;
  for (const layer of layers) {
    for (const row of layer) {
      if (row instanceof Float32Array) {
        out.set(row, at);
        at += row.length;
        continue;
      }
      for (const cell of row) {
        out[at] = cell[0];
        out[at + 1] = cell[1];
        out[at + 2] = cell[2];
        out[at + 3] = cell[3];
        at += 4;
      }
    }
  }
  return out;
}

export class GpujsDevice {
  readonly mode: GpujsMode;
  readonly dialect: Dialect;
  readonly adapter: string;
  readonly software: boolean;
  private readonly gpu: Gpu;
  private readonly gl: WebGL2RenderingContext | undefined;

  constructor(
    private readonly library: GpuLibrary,
    wanted: GpujsMode | "auto",
  ) {
    this.mode = chooseMode(library, wanted);
    try {
      this.gpu = new library.GPU({ mode: this.mode });
      // The context is created with the first kernel.
      if (this.mode === "webgl2")
        this.gpu.createKernel("function() { return 1; }", { output: [1], precision: "single" });
    } catch (error) {
      throw new DeviceError(`gpujs: gpu.js cannot start in mode ${this.mode}`, {}, { cause: error });
    }
    this.gl = this.mode === "webgl2" ? (this.gpu.context as WebGL2RenderingContext) : undefined;
    this.dialect = this.gl ? "texture" : "flat";
    const renderer = this.gl ? rendererOf(this.gl) : "";
    this.software = !this.gl || isSoftwareRenderer(renderer);
    const software = this.software ? " (software)" : "";
    this.adapter = this.gl ? `gpu.js webgl2 (${renderer})${software}` : `gpu.js ${this.mode}`;
  }

  /** @throws LimitError if a tensor does not fit into one texture. */
  check(extent: Extent, name: string): void {
    if (!this.gl) return;
    const side = Number(this.gl.getParameter(this.gl.MAX_TEXTURE_SIZE));
    const texels = extent[0] * extent[1] * extent[2];
    // gpu.js lays tensors out in a nearly square texture.
    if (Math.ceil(Math.sqrt(texels)) <= side) return;
    throw new LimitError(
      `gpujs: ${name} needs ${texels} texels, the device's largest texture has ${side}×${side}; use a smaller --imgsz or batch`,
      { name, texels, side },
    );
  }

  input(data: Float32Array, size: readonly number[]): GpuInput {
    return this.library.input(data, size);
  }

  /** A kernel whose threads return a vec4 (`vec4`: stays on the device) or one float (read back). */
  compile(source: string, output: Extent, vec4: boolean): GpuKernel {
    const pipelined = vec4 && this.gl !== undefined;
    return this.gpu.createKernel(source, {
      output,
      precision: "single",
      loopMaxIterations: MOST_TURNS,
      ...(pipelined ? { pipeline: true, immutable: true } : {}),
      ...(this.gl ? { tactic: "precision" as const } : {}),
    });
  }

  /** The kernel that turns packed arrays of any size into textures. */
  compileUpload(): GpuKernel | undefined {
    if (!this.gl) return undefined;
    const source = `function(x) {
      const z = this.thread.z; const y = this.thread.y; const column = this.thread.x * 4;
      return [x[z][y][column], x[z][y][column + 1], x[z][y][column + 2], x[z][y][column + 3]];
    }`;
    return this.gpu.createKernel(source, {
      output: [1, 1, 1],
      precision: "single",
      pipeline: true,
      immutable: true,
      dynamicOutput: true,
      dynamicArguments: true,
      tactic: "precision",
    });
  }

  tensor(result: unknown, extent: Extent): DeviceTensor {
    if (this.gl) return { extent, argument: result as GpuTexture };
    const [x, y, z] = extent;
    return { extent, argument: this.input(flatten(result, floatsOf(extent)), [x * 4, y, z]) };
  }

  floats(result: unknown, count: number): Float32Array {
    return flatten(result, count);
  }

  download({ argument, extent }: DeviceTensor): Float32Array {
    return "value" in argument ? argument.value : argument.renderValues().subarray(0, floatsOf(extent));
  }

  release({ argument }: DeviceTensor): void {
    if ("delete" in argument) argument.delete();
  }

  /** Waits for pending work: reading a pixel is the only operation that browsers cannot defer. */
  finish(): void {
    const { gl } = this;
    gl?.readPixels(0, 0, 1, 1, gl.RGBA, gl.FLOAT, new Float32Array(4));
  }

  /** @throws DeviceLostError: everything read since then is zero. */
  checkAlive(): void {
    if (this.gl?.isContextLost()) {
      throw new DeviceLostError("gpujs: the browser took the WebGL context away; load the model again");
    }
  }

  dispose(): void {
    void this.gpu.destroy();
  }
}
