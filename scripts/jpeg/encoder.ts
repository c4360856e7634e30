/**
 * The JPEG encoder's blocks in WebAssembly SIMD: what `src/image/jpeg/encode` does in TypeScript, with the same sums in the same
 * order, so the same bytes. A strip is a row of blocks: colours to samples, cosine transform of two rows or columns at a time,
 * quantisation, Huffman codes.
 */

import { C4, C6, LESS, MORE } from "../../src/image/jpeg/encode/dct.js";
import { AT, BLOCK_PIXELS, COMPONENT, STATE } from "../../src/image/jpeg/encode/layout.js";
import { ZIGZAG } from "../../src/image/jpeg/encode/tables.js";
import {
  type FunctionBuilder,
  type I32,
  type I32Local,
  i32,
  i64,
  ModuleBuilder,
  type Vec,
  vec,
} from "../../src/kernels/wasm/emit/index.js";
import {
  bits,
  f64x2,
  laneOf,
  leadingZeros,
  loadVector,
  nonZeroBytes,
  rotateLeft,
  shiftRightSigned,
  storeByte,
  word,
  xor,
  zero,
} from "./operations.js";

const SIDE = 8;
/** Bytes of a block of int32, and of a row of it. */
const SAMPLES = BLOCK_PIXELS * 4;
const SAMPLE_ROW = SIDE * 4;
const PLAIN_SIMD = { simd: true, relaxed: false, shared: false };
const MAXIMUM_PAGES = 65536;

export function encoderModule(): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder(PLAIN_SIMD);
  const samples = module.define("samples", 2, {}, (f) => defineSamples(f, f.parameter(0), f.parameter(1)));
  const transform = module.define("transform", 2, {}, (f) => defineTransform(f, f.parameter(0), f.parameter(1)));
  const codes = module.define("codes", 1, {}, (f) => defineCodes(f, f.parameter(0)));
  // pixels: R, G, B of eight rows; stride: bytes of a row; blocks: how many lie next to each other
  module.define("strip", 3, { exported: true }, (f) => {
    const [pixels, stride, blocks] = [0, 1, 2].map((i) => f.parameter(i));
    const block = f.i32();
    f.for(block, 0, blocks, 1, () => {
      f.call(samples, pixels, stride);
      for (let component = 0; component < 3; component++) {
        const at = AT.components + component * COMPONENT.bytes;
        f.call(transform, i32.const(AT.samples + component * SAMPLES), i32.const(at));
        f.call(codes, i32.const(at));
      }
      f.increase(pixels, 3 * SIDE);
    });
  });
  return module.finish(1, MAXIMUM_PAGES);
}

/** Y, Cb and Cr of 8 × 8 pixels, minus 128, in units of 1/65536 before the last shift. */
function defineSamples(f: FunctionBuilder, pixels: I32Local, stride: I32Local): void {
  const factor = (value: number): Vec => f.vec(vec.splatI32(value));
  const toY = [19595, 38470, 7471].map(factor);
  const toCb = [-11059, -21709, 32768].map(factor);
  const toCr = [32768, -27439, -5329].map(factor);
  const half = f.vec(vec.splatI32(0x8000));
  const middle = f.vec(vec.splatI32(0x807fff));
  const level = f.vec(vec.splatI32(128));
  const row = f.i32();
  const to = f.i32(AT.samples);
  f.for(row, 0, SIDE, 1, () => {
    for (const column of [0, 4]) {
      const bytes = f.vec(loadVector(pixels, 3 * column));
      /** A colour of four pixels as int32. */
      const colours = [0, 1, 2].map((colour) =>
        f.vec(
          vec.shuffle(
            bytes,
            zero,
            [0, 1, 2, 3].flatMap((pixel) => [3 * pixel + colour, 16, 16, 16]),
          ),
        ),
      );
      for (const [component, [factors, offset]] of (
        [
          [toY, half],
          [toCb, middle],
          [toCr, middle],
        ] as const
      ).entries()) {
        const [r, g, b] = colours.map((colour, i) => vec.mulI32(colour, factors[i]));
        const sum = vec.addBits(vec.addBits(vec.addBits(r, g), b), offset);
        f.storeVec(to, vec.subI32(vec.shiftRight(sum, 16), level), component * SAMPLES + 4 * column);
      }
    }
    f.increase(pixels, stride);
    f.increase(to, SAMPLE_ROW);
  });
}

/** Eight pairs of values, transformed; see `dct.ts`, whose order of operations this is. */
function transformed(f: FunctionBuilder, v: readonly Vec[]): Vec[] {
  const { add, sub, mul } = f64x2;
  const local = (value: Vec): Vec => f.vec(value);
  const [c4, c6, less, more] = [C4, C6, LESS, MORE].map((value) => f64x2.const(value));
  const [s0, s1, s2, s3] = [0, 1, 2, 3].map((i) => local(add(v[i], v[7 - i])));
  const [d0, d1, d2, d3] = [0, 1, 2, 3].map((i) => local(sub(v[i], v[7 - i])));
  const outer = local(add(s0, s3));
  const outerLess = local(sub(s0, s3));
  const inner = local(add(s1, s2));
  const z1 = local(mul(add(sub(s1, s2), outerLess), c4));
  const p = local(add(d3, d2));
  const q = local(add(d2, d1));
  const r = local(add(d1, d0));
  const z5 = local(mul(sub(p, r), c6));
  const z2 = local(add(mul(less, p), z5));
  const z4 = local(add(mul(more, r), z5));
  const z3 = local(mul(q, c4));
  const z11 = local(add(d0, z3));
  const z13 = local(sub(d0, z3));
  return [
    ...[add(outer, inner), add(z11, z4), add(outerLess, z1), sub(z13, z2)],
    ...[sub(outer, inner), add(z13, z2), sub(outerLess, z1), sub(z11, z4)],
  ].map(local);
}

/** Samples into quantised coefficients in the order of the file. */
function defineTransform(f: FunctionBuilder, from: I32Local, component: I32Local): void {
  const scratch = f.i32(AT.scratch);
  const base = f.i32();
  const row = f.i32();
  f.set(base, scratch);
  f.for(row, 0, SIDE, 2, () => {
    const pairs = [0, 16].flatMap((half) => {
      const [a, b] = [f.vec(vec.load(from, half)), f.vec(vec.load(from, SAMPLE_ROW + half))];
      return [vec.interleaveLow(a, b), vec.interleaveHigh(a, b)].flatMap((both) => {
        const four = f.vec(both);
        return [f.vec(f64x2.fromI32(four)), f.vec(f64x2.fromI32(vec.highHalves(four, four)))];
      });
    });
    const out = transformed(f, pairs);
    for (let u = 0; u < SIDE; u += 2) {
      f.storeVec(base, vec.lowHalves(out[u], out[u + 1]), 8 * u);
      f.storeVec(base, vec.highHalves(out[u], out[u + 1]), 8 * (u + SIDE));
    }
    f.increase(from, 2 * SAMPLE_ROW);
    f.increase(base, 2 * 8 * SIDE);
  });
  const place = new Map([...ZIGZAG].map((at, position) => [at, position]));
  const [half, sign] = [f.vec(f64x2.const(0.5)), f.vec(bits.const(1n << 63n))];
  for (let u = 0; u < SIDE; u += 2) {
    const out = transformed(
      f,
      Array.from({ length: SIDE }, (_, v) => f.vec(vec.load(scratch, 8 * (SIDE * v + u)))),
    );
    for (const [v, value] of out.entries()) {
      const at = SIDE * v + u;
      const scaled = f.vec(f64x2.mul(value, vec.load(component, COMPONENT.factors + 8 * at)));
      // Halves away from zero.
      const rounded = f.vec(f64x2.toI32(f64x2.add(scaled, bits.or(bits.and(scaled, sign), half))));
      for (const lane of [0, 1]) {
        f.store(i32.const(AT.coefficients), laneOf(rounded, lane), 4 * (place.get(at + lane) as number));
      }
    }
  }
}

/** Codes of a block's coefficients, after those that are waiting. */
function defineCodes(f: FunctionBuilder, component: I32Local): void {
  const at = f.i32(AT.coefficients);
  const state = f.i32(AT.state);
  const [count, out] = [f.i32(i32.load(state, STATE.count)), f.i32(i32.load(state, STATE.out))];
  const waiting = f.i64(word.load(state, STATE.waiting));
  const [value, size, code, table, next, place] = [f.i32(), f.i32(), f.i32(), f.i32(), f.i32(), f.i32()];
  const [four, byte, step] = [f.i32(), f.i32(), f.i32()];

  /** Four bytes at a time, a zero byte after each 255. */
  const flush = (): void => {
    f.increase(count, -32);
    f.set(four, i32.wrap(i64.shrU(waiting, word.fromI32(count))));
    const inverted = xor(four, -1);
    const ones = i32.and(i32.and(i32.sub(inverted, 0x01010101), four), 0x80808080 | 0);
    f.if(
      ones,
      () => {
        f.for(step, 0, 4, 1, () => {
          f.set(byte, i32.and(i32.shrU(four, 24), 255));
          f.run(storeByte(out, byte));
          f.increase(out, 1);
          f.if(i32.eq(byte, 255), () => {
            f.run(storeByte(out, i32.const(0)));
            f.increase(out, 1);
          });
          f.set(four, i32.shl(four, 8));
        });
      },
      () => {
        const swapped = i32.or(i32.and(rotateLeft(four, 8), 0x00ff00ff), i32.and(rotateLeft(four, 24), 0xff00ff00 | 0));
        f.store(out, swapped);
        f.increase(out, 4);
      },
    );
  };
  const put = (bitsOfCode: I32, length: I32): void => {
    f.set64(waiting, word.or(word.shl(waiting, word.fromI32(length)), word.fromI32(bitsOfCode)));
    f.set(count, i32.add(count, length));
    f.if(i32.geS(count, 32), flush);
  };
  /** The code of `place` in the table alone. */
  const putCode = (): void => {
    f.set(code, i32.load(i32.add(table, i32.shl(place, 2))));
    put(i32.shrU(code, 5), i32.and(code, 31));
  };
  /** The code for zeros before a value, run × 16 in `place`, and the number of its bits; then these, of negative values minus 1. */
  const putValue = (): void => {
    const negative = shiftRightSigned(value, 31);
    f.set(size, i32.sub(32, leadingZeros(i32.sub(xor(value, negative), negative))));
    f.set(code, i32.load(i32.add(table, i32.shl(i32.add(place, size), 2))));
    const low = i32.add(value, i32.and(negative, i32.sub(i32.shl(1, size), 1)));
    put(i32.or(i32.shl(i32.shrU(code, 5), size), low), i32.add(i32.and(code, 31), size));
  };

  f.set(table, i32.add(component, COMPONENT.dc));
  f.set(value, i32.sub(i32.load(at), i32.load(component, COMPONENT.previous)));
  f.store(component, i32.load(at), COMPONENT.previous);
  f.set(place, 0);
  putValue();
  f.set(table, i32.add(component, COMPONENT.ac));

  // A bit for each coefficient that is not zero, without the first.
  const left = f.i64();
  const sixteen = (from: number): I32 => {
    const parts = [0, 1, 2, 3].map((i) => vec.load(at, 4 * (from + 4 * i)));
    const [low, high] = [vec.narrowI32(parts[0], parts[1]), vec.narrowI32(parts[2], parts[3])];
    return nonZeroBytes(vec.narrowI16.signed(low, high));
  };
  for (const from of [48, 32, 16, 0]) {
    f.set64(left, word.or(word.shl(left, i64.const(16n)), word.fromI32(sixteen(from))));
  }
  f.set64(left, word.and(left, i64.const(-2n)));
  f.set(next, 1);
  f.while(i32.eqz(word.isZero(left)), () => {
    const position = f.i32();
    const run = f.i32();
    f.set(position, i32.wrap(word.trailingZeros(left)));
    f.set(run, i32.sub(position, next));
    f.while(i32.gtS(run, 15), () => {
      // The code for sixteen zeros.
      f.set(place, 0xf0);
      putCode();
      f.increase(run, -16);
    });
    f.set(value, i32.load(i32.add(at, i32.shl(position, 2))));
    f.set(place, i32.shl(run, 4));
    putValue();
    f.set(next, i32.add(position, 1));
    f.set64(left, word.and(left, i64.add(left, i64.const(-1n))));
  });
  f.if(i32.ne(next, BLOCK_PIXELS), () => {
    // The code for no further values.
    f.set(place, 0);
    putCode();
  });
  f.store(state, count, STATE.count);
  f.store(state, out, STATE.out);
  f.run(word.store(state, waiting, STATE.waiting));
}
