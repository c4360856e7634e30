/**
 * Which convolution kernel was measured to be the fastest for a problem. A table is for one adapter, driver and set of shader
 * texts (`tuningKey`); a store keeps tables from one start to the next.
 */

import type { ConvKernel, ConvProblem } from "../../../kernels/wgsl/index.js";
import type { DeviceContext } from "../device/deviceContext.js";
import { CONV_KERNELS } from "./convKernels.js";

/** Stores tables as text by key: a file in Node, up to the caller elsewhere. Must not throw. */
export interface TuningStore {
  load(key: string): Promise<string | undefined>;
  save(key: string, text: string): Promise<void>;
}

/** In a table: no kernel beat the default one. */
export const USUAL = "usual";

/** Everything of a problem that a kernel's speed can depend on. */
export function problemKey(problem: ConvProblem, half: boolean): string {
  const { input, output, kernel, stride, padding, dilation, groups, activation, residual, byteWeights } = problem;
  const size = ({ pictures, height, width, quads }: typeof input) => [pictures, quads * 4, height, width].join("×");
  const window = [kernel, stride, padding, dilation].map((pair) => pair.join("×")).join(" ");
  const numbers = `${half ? "f16" : "f32"}${byteWeights ? "+i8" : ""}`;
  return [numbers, size(input), size(output), window, groups, activation.kind, residual].join(" ");
}

/** Two 32-bit FNV-1a hashes with different seeds, in hexadecimal: distinguishes texts, not cryptographic. */
function hash(text: string): string {
  let a = 0x811c9dc5;
  let b = 0x9747b28c;
  for (let i = 0; i < text.length; i++) {
    a = Math.imul(a ^ text.charCodeAt(i), 0x01000193);
    b = Math.imul(b ^ text.charCodeAt(i), 0x01000193) ^ (b >>> 15);
  }
  return [a, b].map((v) => (v >>> 0).toString(16).padStart(8, "0")).join("");
}

/** Adapter and driver as reported by WebGPU, and a hash of the competing shaders' sources. */
export function tuningKey(context: DeviceContext, kernels: ReadonlyMap<string, ConvKernel> = CONV_KERNELS): string {
  const texts = [...kernels].map(([name, kernel]) => `${name}\n${kernel.text}`).join("\n");
  return `${context.identity} ${hash(texts)}`;
}

export class TuningTable {
  readonly key: string;
  private readonly kernels = new Map<string, string>();

  constructor(key: string) {
    this.key = key;
  }

  get size(): number {
    return this.kernels.size;
  }

  /** The kernel's name in `CONV_KERNELS`; undefined if the problem has not been measured. */
  get(problem: string): string | undefined {
    return this.kernels.get(problem);
  }

  /** Name of the kernel to use instead of the usual one. */
  kernel(problem: ConvProblem, half: boolean): string | undefined {
    const name = this.get(problemKey(problem, half));
    return name === USUAL ? undefined : name;
  }

  set(problem: string, kernel: string): void {
    this.kernels.set(problem, kernel);
  }

  /** Imports a stored table for problems that are not known yet; ignores invalid tables and unknown kernels. */
  read(text: string | undefined): void {
    let entries: unknown;
    try {
      entries = text === undefined ? undefined : JSON.parse(text);
    } catch {
      return;
    }
    if (typeof entries !== "object" || entries === null) return;
    for (const [problem, kernel] of Object.entries(entries)) {
      if (this.kernels.has(problem) || typeof kernel !== "string") continue;
      if (kernel === USUAL || CONV_KERNELS.has(kernel)) this.kernels.set(problem, kernel);
    }
  }

  text(): string {
    return JSON.stringify(Object.fromEntries(this.kernels));
  }
}
