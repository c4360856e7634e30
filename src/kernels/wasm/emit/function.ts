/** Builds the body of one function: locals, statements, structured control flow. */

import { Code, type Target } from "./code.js";
import {
  type F32,
  type I32,
  type I32Like,
  type I64,
  i32,
  toI32,
  type Vec,
  WHOLE,
  writeMemoryOperands,
} from "./expression.js";

export interface I32Local extends I32 {
  readonly index: number;
}
export interface I64Local extends I64 {
  readonly index: number;
}
export interface F32Local extends F32 {
  readonly index: number;
}
/** One v128 local, or four f32 locals in the scalar build. */
export interface VecLocal extends Vec {
  readonly index: number;
}

const I32_TYPE = 0x7f;
const I64_TYPE = 0x7e;
const F32_TYPE = 0x7d;
const V128_TYPE = 0x7b;
const VOID_BLOCK = 0x40;

/** A function already in the module, to be called. All parameters and the result, if any, are i32. */
export interface FunctionRef {
  readonly index: number;
  readonly parameters: number;
  readonly returns: boolean;
}

/** A block to leave. */
export interface Label {
  readonly depth: number;
}

export class FunctionBuilder {
  private readonly code: Code;
  private readonly locals: number[] = [];
  private depth = 0;

  constructor(
    readonly target: Target,
    readonly name: string,
    readonly parameterCount: number,
    readonly returns: boolean,
  ) {
    this.code = new Code(target);
  }

  parameter(index: number): I32Local {
    return this.i32At(index);
  }

  private i32At(index: number): I32Local {
    return { type: "i32", index, write: (out) => out.byte(0x20).unsigned(index) };
  }

  private declare(type: number, count = 1): number {
    const index = this.parameterCount + this.locals.length;
    for (let i = 0; i < count; i++) this.locals.push(type);
    return index;
  }

  /** A new i32 local, set to `value` where one is given (else 0 on entry). */
  i32(value?: I32Like): I32Local {
    const local = this.i32At(this.declare(I32_TYPE));
    if (value !== undefined) this.set(local, value);
    return local;
  }

  i64(value?: I64): I64Local {
    const index = this.declare(I64_TYPE);
    const local: I64Local = { type: "i64", index, write: (out) => out.byte(0x20).unsigned(index) };
    if (value !== undefined) this.set64(local, value);
    return local;
  }

  f32(value?: F32): F32Local {
    const index = this.declare(F32_TYPE);
    const local: F32Local = { type: "f32", index, write: (out) => out.byte(0x20).unsigned(index) };
    if (value !== undefined) this.setF32(local, value);
    return local;
  }

  vec(value?: Vec): VecLocal {
    const index = this.target.simd ? this.declare(V128_TYPE) : this.declare(F32_TYPE, 4);
    const local: VecLocal = {
      type: "vec",
      index,
      write: (out, lane) => out.byte(0x20).unsigned(lane === WHOLE ? index : index + lane),
    };
    if (value !== undefined) this.setVec(local, value);
    return local;
  }

  vecs(count: number): VecLocal[] {
    return Array.from({ length: count }, () => this.vec());
  }

  set(local: I32Local, value: I32Like): void {
    toI32(value).write(this.code);
    this.code.byte(0x21).unsigned(local.index);
  }

  set64(local: I64Local, value: I64): void {
    value.write(this.code);
    this.code.byte(0x21).unsigned(local.index);
  }

  setF32(local: F32Local, value: F32): void {
    value.write(this.code);
    this.code.byte(0x21).unsigned(local.index);
  }

  setVec(local: VecLocal, value: Vec): void {
    if (this.target.simd) {
      value.write(this.code, WHOLE);
      this.code.byte(0x21).unsigned(local.index);
      return;
    }
    // All lanes are computed before any is written: the value may read the local's other lanes.
    for (let lane = 0; lane < 4; lane++) value.write(this.code, lane);
    for (let lane = 3; lane >= 0; lane--) this.code.byte(0x21).unsigned(local.index + lane);
  }

  /** `local += value`. */
  increase(local: I32Local, value: I32Like): void {
    this.set(local, i32.add(local, value));
  }

  store(address: I32Like, value: I32Like, offset = 0): void {
    toI32(address).write(this.code);
    toI32(value).write(this.code);
    writeMemoryOperands(this.code, [0x36], 2, offset);
  }

  storeF32(address: I32Like, value: F32, offset = 0): void {
    toI32(address).write(this.code);
    value.write(this.code);
    writeMemoryOperands(this.code, [0x38], 2, offset);
  }

  /** Four float32. The address must be a plain local or constant. */
  storeVec(address: I32Like, value: Vec, offset = 0): void {
    const base = toI32(address);
    if (this.target.simd) {
      base.write(this.code);
      value.write(this.code, WHOLE);
      writeMemoryOperands(this.code, [0xfd, 0x0b], 2, offset);
      return;
    }
    for (let lane = 0; lane < 4; lane++) {
      base.write(this.code);
      value.write(this.code, lane);
      writeMemoryOperands(this.code, [0x38], 2, offset + 4 * lane);
    }
  }

  /** The first `bytes` bytes of a vector; SIMD only. */
  storePart(address: I32, value: Vec, bytes: 4 | 8 | 16, offset = 0): void {
    address.write(this.code);
    value.write(this.code, WHOLE);
    if (bytes === 16) writeMemoryOperands(this.code, [0xfd, 0x0b], 2, offset);
    else writeMemoryOperands(this.code, [0xfd, bytes === 8 ? 0x5b : 0x5a], 2, offset);
    if (bytes !== 16) this.code.byte(0);
  }

  if(condition: I32, then: () => void, otherwise?: () => void): void {
    condition.write(this.code);
    this.code.byte(0x04, VOID_BLOCK);
    this.depth++;
    then();
    if (otherwise) {
      this.code.byte(0x05);
      otherwise();
    }
    this.depth--;
    this.code.byte(0x0b);
  }

  /** A block that `breakIf` leaves. */
  block(body: (label: Label) => void): void {
    this.code.byte(0x02, VOID_BLOCK);
    this.depth++;
    body({ depth: this.depth });
    this.depth--;
    this.code.byte(0x0b);
  }

  /** Leaves the block where the condition is not zero. */
  breakIf(label: Label, condition: I32): void {
    condition.write(this.code);
    this.code.byte(0x0d).unsigned(this.depth - label.depth);
  }

  /** Repeats while the condition, tested after the body, holds. */
  doWhile(body: () => void, condition: I32): void {
    this.code.byte(0x03, VOID_BLOCK);
    this.depth++;
    body();
    condition.write(this.code);
    this.code.byte(0x0d, 0x00, 0x0b);
    this.depth--;
  }

  while(condition: I32, body: () => void): void {
    this.if(condition, () => this.doWhile(body, condition));
  }

  /** `for (local = from; local < to; local += step)`, signed. `to` is evaluated at every turn: give a local. */
  for(local: I32Local, from: I32Like, to: I32Like, step: I32Like, body: () => void): void {
    this.set(local, from);
    this.while(i32.ltS(local, to), () => {
      body();
      this.increase(local, step);
    });
  }

  call(callee: FunctionRef, ...args: readonly I32Like[]): void {
    for (const argument of args) toI32(argument).write(this.code);
    this.code.byte(0x10).unsigned(callee.index);
    if (callee.returns) this.code.byte(0x1a);
  }

  /** Calls entry `slot` of the table, of function type `type`. */
  callIndirect(type: number, slot: I32, ...args: readonly I32Like[]): void {
    for (const argument of args) toI32(argument).write(this.code);
    slot.write(this.code);
    this.code.byte(0x11).unsigned(type).unsigned(0);
  }

  /** Evaluates an expression for its effect. */
  run(effect: I32): void {
    effect.write(this.code);
    this.code.byte(0x1a);
  }

  return(value?: I32Like): void {
    if (value !== undefined) toI32(value).write(this.code);
    this.code.byte(0x0f);
  }

  /** memory.copy: regions may overlap. */
  copyMemory(to: I32Like, from: I32Like, bytes: I32Like): void {
    for (const argument of [to, from, bytes]) toI32(argument).write(this.code);
    this.code.byte(0xfc, 0x0a, 0x00, 0x00);
  }

  /** memory.fill with zero. */
  zeroMemory(to: I32Like, bytes: I32Like): void {
    this.fillMemory(to, 0, bytes);
  }

  /** memory.fill with the low byte of `value`. */
  fillMemory(to: I32Like, value: I32Like, bytes: I32Like): void {
    for (const argument of [to, value, bytes]) toI32(argument).write(this.code);
    this.code.byte(0xfc, 0x0b, 0x00);
  }

  /** The body as it stands in the code section, without its length. */
  finish(): Uint8Array<ArrayBuffer> {
    const body = new Code(this.target);
    const groups: [type: number, count: number][] = [];
    for (const type of this.locals) {
      const last = groups[groups.length - 1];
      if (last && last[0] === type) last[1]++;
      else groups.push([type, 1]);
    }
    body.unsigned(groups.length);
    for (const [type, count] of groups) body.unsigned(count).byte(type);
    // A function with a result that ends in `return` needs a value for the validator on the unreachable path.
    if (this.returns) this.code.byte(0x00);
    return body.append(this.code.finish()).byte(0x0b).finish();
  }
}
