/**
 * Strided copy of up to six dimensions: transposes, upsampling (a source stride of 0), padding, slices, space ↔ depth.
 * A tile is one index of the two outer dimensions. `wide`: the innermost dimension is contiguous on both sides and
 * a multiple of four floats.
 */

import { f32, type I32Local, i32, vec } from "../emit/index.js";
import { type Kernel, kernel } from "../kernel.js";

const FIELDS = [
  "x",
  "out",
  "count0",
  "count1",
  "count2",
  "count3",
  "count4",
  "count5",
  "from0",
  "from1",
  "from2",
  "from3",
  "from4",
  "from5",
  "to0",
  "to1",
  "to2",
  "to3",
  "to4",
  "to5",
] as const;
export type CopyField = (typeof FIELDS)[number];

export function copy(wide: boolean): Kernel<CopyField> {
  return kernel(wide ? "copy4" : "copy1", FIELDS, (k) => {
    const { f } = k;
    const outer = f.i32(i32.divU(k.tile, k.arg("count1")));
    const second = f.i32(i32.remU(k.tile, k.arg("count1")));
    const start = (base: "x" | "out", a: "from0" | "to0", b: "from1" | "to1"): I32Local =>
      f.i32(i32.add(k.arg(base), i32.add(i32.mul(outer, k.arg(a)), i32.mul(second, k.arg(b)))));
    const from = [start("x", "from0", "from1")];
    const to = [start("out", "to0", "to1")];
    const loop = (axis: 2 | 3 | 4 | 5, body: () => void): void => {
      const source = f.i32();
      const target = f.i32();
      const left = f.i32();
      f.set(source, from[from.length - 1]);
      f.set(target, to[to.length - 1]);
      f.set(left, k.arg(`count${axis}`));
      from.push(source);
      to.push(target);
      f.doWhile(() => {
        body();
        if (wide && axis === 5) {
          f.increase(source, 16);
          f.increase(target, 16);
          f.set(left, i32.sub(left, 4));
        } else {
          f.increase(source, k.arg(`from${axis}`));
          f.increase(target, k.arg(`to${axis}`));
          f.set(left, i32.sub(left, 1));
        }
      }, left);
      from.pop();
      to.pop();
    };
    loop(2, () =>
      loop(3, () =>
        loop(4, () =>
          loop(5, () => {
            const source = from[from.length - 1];
            const target = to[to.length - 1];
            if (wide) f.storeVec(target, vec.load(source));
            else f.storeF32(target, f32.load(source));
          }),
        ),
      ),
    );
  });
}
