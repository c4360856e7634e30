/**
 * What a kernel is: a name, the argument words it reads, and how to write its code.
 *
 * Every kernel is one function (args, tile, scratch): `args` points at its argument words, `tile` says which part of
 * the work to do (tiles are independent, in any order, by any thread), `scratch` at memory of the calling thread.
 */

import {
  type F32,
  type FunctionBuilder,
  type FunctionRef,
  f32,
  type I32,
  type I32Local,
  i32,
  type ModuleBuilder,
  type Vec,
  vec,
} from "./emit/index.js";

/** Bytes at the start of each thread's scratch memory that receive stores of padding rows; never read. */
export const SINK_BYTES = 64;

/** Helpers to write a kernel's body. */
export class KernelBody<Field extends string> {
  constructor(
    readonly f: FunctionBuilder,
    readonly args: I32Local,
    readonly tile: I32Local,
    readonly scratch: I32Local,
    private readonly fields: readonly Field[],
  ) {}

  private offset(field: Field): number {
    return 4 * this.fields.indexOf(field);
  }

  /** The argument, loaded where it is used. */
  arg(field: Field): I32 {
    return i32.load(this.args, this.offset(field));
  }

  /** The argument in a local. */
  local(field: Field): I32Local {
    return this.f.i32(this.arg(field));
  }

  float(field: Field): F32 {
    return f32.load(this.args, this.offset(field));
  }

  splat(field: Field): Vec {
    return vec.loadSplat(this.args, this.offset(field));
  }

  /** A local with the smaller of two signed numbers; both are evaluated twice. */
  min(a: I32, b: I32): I32Local {
    return this.f.i32(i32.select(i32.ltS(a, b), a, b));
  }
}

export interface Kernel<Field extends string = string> {
  /** Unique for its code: variants name their parameters. */
  readonly name: string;
  readonly fields: readonly Field[];
  readonly define: (module: ModuleBuilder) => FunctionRef & { readonly slot: number };
}

/** Parameters of every kernel function. */
export const KERNEL_PARAMETERS = 3;

/** @param options `unfused`: the same bits on every host, fused multiply-add or not */
export function kernel<const Field extends string>(
  name: string,
  fields: readonly Field[],
  write: (body: KernelBody<Field>) => void,
  options: { readonly unfused?: boolean } = {},
): Kernel<Field> {
  return {
    name,
    fields,
    define: (module) =>
      module.define(name, KERNEL_PARAMETERS, { ...options, inTable: true }, (f) => {
        write(new KernelBody(f, f.parameter(0), f.parameter(1), f.parameter(2), fields));
      }),
  };
}
