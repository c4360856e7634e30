/** What a WGSL kernel is, and how its source is assembled.
 *
 * A kernel is one `.wgsl` file that reads on its own, plus a descriptor beside it: bindings, constants, workgroups, what
 * it supports. Three mechanisms carry values into the text, nothing else does:
 * 1. `override` declarations get their values when the pipeline is made (activation, workgroup size, baked shapes);
 * 2. a header of `const NAME = value;` lines is put before the text where WGSL needs a constant expression
 *    (lengths of function-local arrays, that is register tiles); the file names them in its opening comment;
 * 3. `modules` are whole WGSL files appended to the text (`activation.wgsl`); one of two says how a `Quad`, four channels of
 *    a pixel, is stored: `storage_f32.wgsl` or, for calls that are `half`, `storage_f16.wgsl`; another one of two how
 *    weights of convolutions are: `weights_float.wgsl` or `weights_bytes.wgsl`.
 *
 * Tensors are stored in "C4NHW4": channels in groups of four, one group after another; within a group the pixels of all
 * pictures in row order, each a `Quad` of four channels. Element (n, c, y, x) is component c % 4 of the quad at
 * (c ÷ 4) · plane + (n · H + y) · W + x, where `plane` is N · H · W rounded up to 256 bytes. Every run of
 * whole groups is then one contiguous, aligned range of bytes: a concat input or a channel slice is a binding offset.
 */

import { invariant } from "../../errors.js";
import weightsBytes from "./conv/weights_bytes.wgsl";
import weightsFloat from "./conv/weights_float.wgsl";
import storageF16 from "./storage_f16.wgsl";
import storageF32 from "./storage_f32.wgsl";

/** How a dispatch uses a binding. `uniform` is for the kernel's `Params`, `texture` for a picture that is read. */
export type Access = "read" | "write" | "uniform" | "texture";

export interface BindingSlot {
  readonly name: string;
  readonly access: Access;
}

export interface Kernel {
  /** File name without its ending; part of the names that `profile` reports. */
  readonly name: string;
  readonly source: string;
  /** WGSL files that the source relies on. */
  readonly modules: readonly string[];
  /** In the order of @binding; `Params`, where the kernel has them, come last. */
  readonly bindings: readonly BindingSlot[];
  /** Members of `Params`, in the text's order; none where everything is baked in. */
  readonly params: readonly ParamField[];
  /** Optional features without which the source does not compile. */
  readonly features: readonly GPUFeatureName[];
}

/** A member of a kernel's `Params` struct. */
export interface ParamField {
  readonly name: string;
  readonly type: "u32" | "f32";
}

/** Values of the members of a kernel's `Params`, by name: all of them, and nothing else. A negative u32 is its two's complement. */
export type Params = Readonly<Record<string, number>>;

/** One dispatch of a kernel, without its buffers. */
export interface KernelCall {
  readonly kernel: Kernel;
  /** Values for `override` declarations. */
  readonly overrides: Readonly<Record<string, number>>;
  /** `const` lines put before the text. */
  readonly header?: Readonly<Record<string, number>>;
  /** Absent for a kernel without `Params`. */
  readonly params?: Params;
  readonly workgroups: Workgroups;
  /** Pictures and packed weights are stored in float16. Default false. */
  readonly half?: boolean;
  /** Packed weights are signed bytes with a scale for each output channel (`weights_bytes.wgsl`). Default false. */
  readonly byteWeights?: boolean;
  /** Tile sizes, for reports. */
  readonly variant?: string;
}

export type Workgroups = readonly [x: number, y: number, z: number];

/** WebGPU's guaranteed number of workgroups along one dimension. */
export const MAX_WORKGROUPS = 65535;

/**
 * Workgroups for `count` items along x (folded into z beyond the limit) and `rows` along y. Kernels get the item back as
 * `group.x + group.z * grid.x` and must skip items beyond their own count.
 */
export function foldWorkgroups(count: number, rows = 1, limit: number = MAX_WORKGROUPS): Workgroups {
  const folds = Math.max(1, Math.ceil(count / limit));
  return [Math.ceil(count / folds), rows, folds];
}

/** The members of `struct Params` in a kernel's text. */
function paramFields(source: string): ParamField[] {
  const struct = /^struct Params \{([^}]*)\}/m.exec(source)?.[1] ?? "";
  const members = struct.replace(/\/\/.*$/gm, "").split(",");
  return members.flatMap((member) => {
    const [name, type] = member.split(":").map((part) => part.trim());
    if (name === "") return [];
    invariant(type === "u32" || type === "f32", `Params.${name}: ${type} is not allowed in a struct of 32-bit words`);
    return [{ name, type }];
  });
}

export function defineKernel(
  name: string,
  source: string,
  bindings: Readonly<Record<string, Exclude<Access, "uniform">>>,
  options: {
    readonly modules?: readonly string[];
    readonly features?: readonly GPUFeatureName[];
  } = {},
): Kernel {
  const slots = Object.entries(bindings).map(([slot, access]): BindingSlot => ({ name: slot, access }));
  const params = paramFields(source);
  return {
    name,
    source,
    modules: options.modules ?? [],
    bindings: params.length === 0 ? slots : [...slots, { name: "params", access: "uniform" }],
    params,
    features: options.features ?? [],
  };
}

/** A kernel's own source and that of its modules, without what a call adds. */
export function sourceText({ source, modules }: Kernel): string {
  return [source, ...modules].join("\n");
}

/**
 * The WGSL text of a call. `shared` holds the indices of `read` bindings whose buffer the same dispatch writes elsewhere:
 * WebGPU forbids read and read_write of one buffer in a dispatch even on disjoint ranges, but allows read_write for both.
 */
export function kernelText(call: KernelCall, shared: ReadonlySet<number> = new Set()): string {
  const header = Object.entries(call.header ?? {}).map(([name, value]) => `const ${name} = ${value}u;\n`);
  const { source, modules } = call.kernel;
  const storage = /\bQuad\b/.test(source) ? [call.half ? storageF16 : storageF32] : [];
  const weights = /\bWeights\b/.test(source) ? [call.byteWeights ? weightsBytes : weightsFloat] : [];
  let text = [source, ...modules, ...weights, ...storage].join("\n");
  for (const index of shared) {
    text = text.replace(`@binding(${index}) var<storage, read>`, `@binding(${index}) var<storage, read_write>`);
  }
  // Directives (`enable …;`) must stay first.
  const directives = text.match(/^enable [^;]+;$/gm) ?? [];
  return [...directives, "\n", ...header, text.replace(/^enable [^;]+;$/gm, "")].join("");
}

/** The bytes of a kernel's `Params`, padded to the 16 bytes that uniform structs are rounded up to. */
export function paramsBytes({ name, params: fields }: Kernel, values: Params): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(Math.ceil(fields.length / 4) * 16);
  const view = new DataView(bytes.buffer);
  for (const [i, field] of fields.entries()) {
    const value = values[field.name];
    invariant(value !== undefined, `${name}: no value for Params.${field.name}`);
    if (field.type === "u32") view.setUint32(i * 4, value, true);
    else view.setFloat32(i * 4, value, true);
  }
  const given = Object.keys(values);
  invariant(given.length === fields.length, `${name}: unknown Params member among ${given.join(", ")}`);
  return bytes;
}
