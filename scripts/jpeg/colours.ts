/** Rows of samples into R, G, B: what `src/image/jpeg/upsample.ts` and `color.ts` do, in SIMD, bit for bit. */

import { AT, FRAME, PLANE } from "../../src/image/jpeg/baseline/layout.js";
import {
  type FunctionBuilder,
  type FunctionRef,
  type I32,
  type I32Local,
  i32,
  type ModuleBuilder,
  type Vec,
  vec,
} from "../../src/kernels/wasm/emit/index.js";
import { i16x8, loadHalf, loadVector, shiftRightSigned, storeHalf, zero } from "./operations.js";

/** Pixels at a time. */
const STEP = 16;
const HALF = 1 << 15;
/** libjpeg's factors × 65536, less what is added in whole: 1.402 − 1, 1.772 − 2, 1 − 0.71414 and −0.34414. */
const CR_TO_RED = 26345;
const CB_TO_BLUE = -14942;
const CR_TO_GREEN = 18734;
const CB_TO_GREEN = -22554;

/** Sixteen values of three colours in turn, 48 bytes. */
function storePixels(f: FunctionBuilder, to: I32, [r, g, b]: readonly Vec[]): void {
  for (let part = 0; part < 3; part++) {
    const places = Array.from({ length: 16 }, (_, i) => ({
      colour: (16 * part + i) % 3,
      x: Math.floor((16 * part + i) / 3),
    }));
    const two = f.vec(
      vec.shuffle(
        r,
        g,
        places.map(({ colour, x }) => (colour === 1 ? 16 : 0) + x),
      ),
    );
    f.storeVec(
      to,
      vec.shuffle(
        two,
        b,
        places.map(({ colour, x }, i) => (colour === 2 ? 16 + x : i)),
      ),
      16 * part,
    );
  }
}

/** Red, green and blue of eight pixels as int16; `cb` and `cr` are less 128. */
function coloursOf(f: FunctionBuilder, y: Vec, cb: Vec, cr: Vec): Vec[] {
  /** a × x + b × y + 1/2, in units of 1/65536. */
  const rounded = (x: Vec, a: number, other: Vec, b: number): Vec => {
    const [low, high] = [i16x8.interleaveLow, i16x8.interleaveHigh].map((interleave) =>
      vec.shiftRight(vec.addBits(vec.dotI16(interleave(x, other), i16x8.const(a, b)), half), 16),
    );
    return vec.narrowI32(low, high);
  };
  const half = f.vec(vec.splatI32(HALF));
  const sum = (...values: readonly Vec[]): Vec => f.vec(values.reduce((a, b) => i16x8.add(a, b)));
  return [
    sum(y, cr, rounded(cr, CR_TO_RED, zero, 0)),
    f.vec(i16x8.add(i16x8.sub(y, cr), rounded(cb, CB_TO_GREEN, cr, CR_TO_GREEN))),
    sum(y, cb, cb, rounded(cb, CB_TO_BLUE, zero, 0)),
  ];
}

function storeColours(f: FunctionBuilder, to: I32, luma: Vec, chroma: readonly (readonly Vec[])[]): void {
  const halves = [i16x8.fromLowBytes, i16x8.fromHighBytes].map((half, i) =>
    coloursOf(f, f.vec(half(luma)), chroma[0][i], chroma[1][i]),
  );
  storePixels(
    f,
    to,
    halves[0].map((low, colour) => f.vec(vec.narrowI16.unsigned(low, halves[1][colour]))),
  );
}

const frame = i32.const(AT.frame);
const inPlane = (component: number, field: number): I32 =>
  i32.load(frame, FRAME.planes + component * PLANE.bytes + field);

/** Where a row of a plane is, of the rows that are kept. */
const rowAt = (component: number, row: I32): I32 =>
  i32.add(
    inPlane(component, PLANE.rows),
    i32.mul(i32.and(row, inPlane(component, PLANE.mask)), inPlane(component, PLANE.stride)),
  );

/** Sums of chroma, three of the near row for each of the far one; behind both ends the last one again. */
function defineSums(f: FunctionBuilder, near: I32Local, far: I32Local, to: I32Local, width: I32Local): void {
  const x = f.i32();
  const at = f.i32(to);
  f.for(x, 0, width, STEP, () => {
    const [a, b] = [f.vec(loadVector(near, 0)), f.vec(loadVector(far, 0))];
    for (const [i, half] of [i16x8.fromLowBytes, i16x8.fromHighBytes].entries()) {
      f.storeVec(at, i16x8.add(i16x8.mul(half(a), i16x8.const(3)), half(b)), 16 * i);
    }
    for (const pointer of [near, far]) f.increase(pointer, STEP);
    f.increase(at, 2 * STEP);
  });
  f.run(storeHalf(i32.sub(to, 2), loadHalf(to)));
  const end = f.i32(i32.add(to, i32.shl(width, 1)));
  f.run(storeHalf(end, loadHalf(i32.sub(end, 2))));
}

/** Each sum for two pixels, weighted towards its neighbours: 16 values, less 128. */
function doubled(f: FunctionBuilder, sums: I32, biases: readonly Vec[]): Vec[] {
  const three = f.vec(i16x8.mul(loadVector(sums, 0), i16x8.const(3)));
  const [even, odd] = [-2, 2].map((offset, i) =>
    f.vec(i16x8.shrU(i16x8.add(i16x8.add(three, loadVector(i32.add(sums, offset), 0)), biases[i]), 4)),
  );
  return [i16x8.interleaveLow(even, odd), i16x8.interleaveHigh(even, odd)].map((pixels) =>
    f.vec(i16x8.sub(pixels, i16x8.const(128))),
  );
}

/** Loops over rows `first` to before `end`, and over their pixels, sixteen at a time. */
function overRows(
  f: FunctionBuilder,
  prepare: (row: I32Local) => readonly I32Local[],
  write: (to: I32Local, pointers: readonly I32Local[]) => void,
): void {
  const [first, end, to] = [0, 1, 2].map((i) => f.parameter(i));
  const width = f.i32(i32.load(frame, FRAME.width));
  const [x, at] = [f.i32(), f.i32()];
  f.while(i32.ltS(first, end), () => {
    const pointers = prepare(first);
    f.set(at, to);
    f.for(x, 0, width, STEP, () => {
      write(at, pointers);
      f.increase(at, 3 * STEP);
      for (const pointer of pointers) f.increase(pointer, STEP);
    });
    f.increase(to, i32.mul(width, 3));
    f.increase(first, 1);
  });
}

/** As `overRows`, with pointers to the samples of all three planes. */
function overPlanes(f: FunctionBuilder, write: (to: I32Local, pointers: readonly I32Local[]) => void): void {
  const pointers = [0, 1, 2].map(() => f.i32());
  const prepare = (row: I32Local): readonly I32Local[] => {
    for (const [component, pointer] of pointers.entries()) f.set(pointer, rowAt(component, row));
    return pointers;
  };
  overRows(f, prepare, write);
}

/** Adds `halved`, `full` and `plain` (first row, end, where the pixels go): chroma of half the width, of the full, and no chroma. */
export function defineColours(module: ModuleBuilder): void {
  const sums: FunctionRef = module.define("sums", 4, {}, (f) =>
    defineSums(f, f.parameter(0), f.parameter(1), f.parameter(2), f.parameter(3)),
  );
  module.define("halved", 3, { exported: true }, (f) => {
    const [near, far, width] = [f.i32(), f.i32(), f.i32(i32.load(frame, FRAME.chromaWidth))];
    const tall = f.i32(i32.load(frame, FRAME.tall));
    const pointers = [0, 1, 2].map(() => f.i32());
    const biases = [i32.select(tall, 8, 4), i32.select(tall, 7, 8)].map((bias) => f.vec(i16x8.splat(bias)));
    overRows(
      f,
      (row) => {
        f.set(pointers[0], rowAt(0, row));
        for (const component of [1, 2]) {
          f.if(
            tall,
            () => {
              f.set(near, shiftRightSigned(row, 1));
              f.set(far, i32.add(near, i32.sub(i32.shl(i32.and(row, 1), 1), 1)));
              f.set(far, i32.select(i32.ltS(far, 0), 0, far));
              const last = inPlane(component, PLANE.last);
              f.set(far, i32.select(i32.gtS(far, last), last, far));
            },
            () => {
              f.set(near, row);
              f.set(far, row);
            },
          );
          const to = pointers[component];
          f.set(to, i32.load(frame, FRAME.sums + 4 * (component - 1)));
          f.call(sums, rowAt(component, near), rowAt(component, far), to, width);
        }
        return pointers;
      },
      (to, [luma, cb, cr]) => {
        const chroma = [cb, cr].map((pointer) => doubled(f, pointer, biases));
        storeColours(f, to, f.vec(loadVector(luma, 0)), chroma);
      },
    );
  });
  module.define("full", 3, { exported: true }, (f) => {
    overPlanes(f, (to, [luma, ...others]) => {
      const chroma = others.map((pointer) => {
        const samples = f.vec(loadVector(pointer, 0));
        return [i16x8.fromLowBytes, i16x8.fromHighBytes].map((half) =>
          f.vec(i16x8.sub(half(samples), i16x8.const(128))),
        );
      });
      storeColours(f, to, f.vec(loadVector(luma, 0)), chroma);
    });
  });
  module.define("plain", 3, { exported: true }, (f) => {
    overPlanes(f, (to, planes) =>
      storePixels(
        f,
        to,
        planes.map((pointer) => f.vec(loadVector(pointer, 0))),
      ),
    );
  });
}
