/**
 * A decoder of sequential JPEGs in WebAssembly SIMD: what `src/image/jpeg/scan.ts`, `idct.ts`, `upsample.ts` and `color.ts` do, with
 * the same results, for files without damage. Whoever calls it gives it tables (`src/image/jpeg/baseline`) and takes pixels, a row of
 * MCUs at a time.
 */

import { AT, BLOCK, COMPONENT, LOOKUP_BITS, STATE, TABLE } from "../../src/image/jpeg/baseline/layout.js";
import {
  type FunctionBuilder,
  type FunctionRef,
  type I32Local,
  i32,
  i64,
  ModuleBuilder,
} from "../../src/kernels/wasm/emit/index.js";
import { defineColours } from "./colours.js";
import { defineInverse } from "./inverse.js";
import {
  bytes16,
  loadByte,
  loadVector,
  storeByte,
  storeHalf,
  topBits,
  trailingZeros,
  word,
  xor,
  zero,
} from "./operations.js";

const PLAIN_SIMD = { simd: true, relaxed: false, shared: false };
const MAXIMUM_PAGES = 65536;
const COMPONENTS = 3;
const STUFFED = 0xff;
/** A code and what follows it. */
const MOST_BITS = 32;
const CODE_BITS = 16;

export function decoderModule(): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder(PLAIN_SIMD);
  const inverse = module.define("inverse", 3, {}, (f) =>
    defineInverse(f, f.parameter(0), f.parameter(1), f.parameter(2)),
  );
  module.define("unstuff", 3, { exported: true }, (f) =>
    defineUnstuff(f, f.parameter(0), f.parameter(1), f.parameter(2)),
  );
  module.define("mcus", 1, { exported: true, returns: true }, (f) => defineMcus(f, f.parameter(0), inverse));
  module.define("turn", 1, { exported: true }, (f) => defineTurn(f, f.parameter(0)));
  defineColours(module);
  return module.finish(1, MAXIMUM_PAGES);
}

/** Copies data up to a marker, or to `end`, without the zero behind each 255; `to` lies at least sixteen bytes before. */
function defineUnstuff(f: FunctionBuilder, from: I32Local, end: I32Local, to: I32Local): void {
  const state = i32.const(AT.state);
  const stuffed = f.vec(bytes16.const(STUFFED));
  const [found, next] = [f.i32(), f.i32()];
  f.block((done) => {
    f.while(i32.ltU(from, end), () => {
      const bytes = f.vec(loadVector(from, 0));
      f.storeVec(to, bytes);
      f.set(found, topBits(bytes16.equal(bytes, stuffed)));
      // Sixteen where there is none.
      f.set(found, trailingZeros(i32.or(found, 1 << 16)));
      f.increase(from, found);
      f.increase(to, found);
      f.if(i32.ne(found, 16), () => {
        // The byte at `from` is 255, as further ones before a marker or a zero may be.
        f.breakIf(done, i32.geU(from, end));
        f.set(next, loadByte(from, 1));
        f.breakIf(done, i32.geU(i32.add(from, 1), end));
        f.breakIf(done, i32.ltU(i32.sub(next, 1), STUFFED - 1));
        f.if(
          next,
          () => f.increase(from, 1),
          () => {
            f.run(storeByte(to, i32.const(STUFFED)));
            f.increase(from, 2);
            f.increase(to, 1);
          },
        );
      });
    });
  });
  // Behind the end there may be anything.
  f.if(i32.gtS(i32.sub(from, end), 0), () => {
    f.increase(to, i32.sub(end, from));
    f.set(from, end);
  });
  f.store(state, from, STATE.read);
  f.store(state, to, STATE.written);
}

/** Goes to the first MCU of a row; `odd` is 1 in every other one. */
function defineTurn(f: FunctionBuilder, odd: I32Local): void {
  const component = f.i32();
  f.for(component, AT.components, AT.components + COMPONENTS * COMPONENT.bytes, COMPONENT.bytes, () => {
    const to = i32.add(component, i32.shl(odd, 2));
    f.store(component, i32.load(to, COMPONENT.even), COMPONENT.to);
  });
}

/** Decodes so many MCUs: 1, or 0 where the data are damaged. */
function defineMcus(f: FunctionBuilder, mcus: I32Local, inverse: FunctionRef): void {
  const state = f.i32(AT.state);
  const [count, next] = [f.i32(i32.load(state, STATE.count)), f.i32(i32.load(state, STATE.next))];
  const end = f.i32(i32.load(state, STATE.end));
  const blocks = f.i32(i32.load(state, STATE.blocks));
  const bits = f.i64(word.load(state, STATE.bits));
  const after = f.i64();
  const at = f.i32(AT.coefficients);
  const [block, left, component, table] = [f.i32(), f.i32(), f.i32(), f.i32()];
  const [entry, size, value, position] = [f.i32(), f.i32(), f.i32(), f.i32()];
  const [code, length] = [f.i32(), f.i32()];

  /** Reads the next code, `entry`, and moves past it and the bits that follow it: `size`, and in `value` unless that is 0. */
  const readCode = (): void => {
    f.if(i32.ltS(count, MOST_BITS), () => {
      f.set64(bits, word.or(bits, i64.shrU(word.loadSwapped(next), word.fromI32(count))));
      f.increase(next, i32.shrU(i32.sub(63, count), 3));
      f.set(count, i32.or(count, 56));
    });
    const place = i32.and(
      i32.wrap(i64.shrU(bits, i64.const(BigInt(64 - LOOKUP_BITS - 2)))),
      ((1 << LOOKUP_BITS) - 1) << 2,
    );
    f.set(entry, i32.load(i32.add(table, place), TABLE.lookup));
    f.if(i32.eqz(entry), readLongCode);
    f.set(size, i32.and(i32.shrU(entry, 8), 255));
    f.set64(after, word.shl(bits, word.fromI32(i32.shrU(entry, 24))));
    f.set64(bits, word.shl(bits, word.fromI32(i32.and(entry, 255))));
    f.set(count, i32.sub(count, i32.and(entry, 255)));
  };
  /** The bits that follow a code; where they begin with 0, the value is negative. */
  const readValue = (): void => {
    const negative = xor(i32.wrap(word.shrS(after, i64.const(63n))), -1);
    f.set(value, i32.wrap(i64.shrU(after, word.fromI32(i32.sub(64, size)))));
    f.set(value, i32.add(value, i32.and(negative, i32.sub(1, i32.shl(1, size)))));
  };
  const readLongCode = (): void => {
    f.set(code, i32.wrap(i64.shrU(bits, i64.const(BigInt(64 - CODE_BITS)))));
    f.set(length, LOOKUP_BITS + 1);
    const ofLength = (): I32Local => {
      f.set(position, i32.shrU(code, i32.sub(CODE_BITS, length)));
      return position;
    };
    const inTable = i32.add(table, i32.shl(length, 2));
    f.block((found) => {
      f.doWhile(
        () => {
          f.breakIf(found, i32.leS(ofLength(), i32.load(inTable, TABLE.maxCode)));
          f.increase(length, 1);
        },
        i32.leS(length, CODE_BITS),
      );
      f.return(0);
    });
    f.set(position, i32.and(i32.add(position, i32.load(inTable, TABLE.offset)), 255));
    f.set(position, loadByte(i32.add(table, position), TABLE.symbols));
    f.set(size, i32.and(position, 15));
    const run = i32.shl(i32.shrU(position, 4), 16);
    f.set(entry, i32.or(i32.or(i32.shl(length, 24), run), i32.or(i32.shl(size, 8), i32.add(length, size))));
  };
  const decodeBlock = (): void => {
    for (let i = 0; i < 128; i += 16) f.storeVec(at, zero, i);
    f.set(table, i32.load(component, COMPONENT.dcTable));
    readCode();
    f.if(size, () => {
      readValue();
      f.store(component, i32.add(i32.load(component, COMPONENT.lastDc), value), COMPONENT.lastDc);
    });
    f.run(storeHalf(at, i32.load(component, COMPONENT.lastDc)));
    f.set(table, i32.load(component, COMPONENT.acTable));
    f.set(left, 1);
    f.block((done) => {
      f.doWhile(
        () => {
          readCode();
          const run = i32.and(i32.shrU(entry, 16), 255);
          f.if(
            size,
            () => {
              readValue();
              f.increase(left, run);
              f.run(storeHalf(i32.add(at, loadByte(left, AT.order)), value));
              f.increase(left, 1);
            },
            () => {
              // The end of the block, or sixteen zeros.
              f.breakIf(done, i32.ne(run, 15));
              f.increase(left, 16);
            },
          );
        },
        i32.ltS(left, 64),
      );
    });
  };

  f.while(mcus, () => {
    f.set(block, AT.blocks);
    f.doWhile(
      () => {
        f.set(component, i32.load(block, BLOCK.component));
        decodeBlock();
        const to = i32.add(i32.load(component, COMPONENT.to), i32.load(block, BLOCK.offset));
        f.call(inverse, i32.add(component, COMPONENT.quantization), to, i32.load(component, COMPONENT.stride));
        f.increase(block, BLOCK.bytes);
      },
      i32.ltS(block, blocks),
    );
    f.for(component, AT.components, AT.components + COMPONENTS * COMPONENT.bytes, COMPONENT.bytes, () => {
      f.store(component, i32.add(i32.load(component, COMPONENT.to), i32.load(component, COMPONENT.step)), COMPONENT.to);
    });
    // Bits that are not there were read.
    f.if(i32.gtS(i32.sub(next, i32.shrU(count, 3)), end), () => f.return(0));
    f.increase(mcus, -1);
  });
  f.store(state, count, STATE.count);
  f.store(state, next, STATE.next);
  f.run(word.store(state, bits, STATE.bits));
  f.return(1);
}
