/** Products of matrices that lie anywhere, of each head of each picture: what the gradients of attention are made of. */

import { f32, i32 } from "../emit/index.js";
import { type Kernel, kernel } from "../kernel.js";

const FIELDS = [
  "a",
  "aImage",
  "aHead",
  "aRow",
  "aStep",
  "b",
  "bImage",
  "bHead",
  "bColumn",
  "bStep",
  "out",
  "outImage",
  "outHead",
  "outRow",
  "outColumn",
  "heads",
  "rows",
  "columns",
  "depth",
  "scale",
] as const;

/** out[row, column] = scale · Σ a[row, step] · b[column, step]; all strides in bytes. A tile is one row. */
export const products = (): Kernel<(typeof FIELDS)[number]> =>
  kernel("products", FIELDS, (k) => {
    const { f } = k;
    const [heads, rows] = [k.local("heads"), k.local("rows")];
    const matrix = f.i32(i32.divU(k.tile, rows));
    const row = f.i32(i32.sub(k.tile, i32.mul(matrix, rows)));
    const image = f.i32(i32.divU(matrix, heads));
    const head = f.i32(i32.sub(matrix, i32.mul(image, heads)));
    const base = (of: "a" | "b" | "out") =>
      f.i32(i32.add(k.arg(of), i32.add(i32.mul(image, k.arg(`${of}Image`)), i32.mul(head, k.arg(`${of}Head`)))));
    const [aBase, bColumn, out] = [base("a"), base("b"), base("out")];
    f.increase(aBase, i32.mul(row, k.arg("aRow")));
    f.increase(out, i32.mul(row, k.arg("outRow")));
    const [columns, depth, aStep, bStep] = [k.local("columns"), k.local("depth"), k.local("aStep"), k.local("bStep")];
    const [column, step, a, b] = [f.i32(), f.i32(), f.i32(), f.i32()];
    const sum = f.f32();
    f.for(column, 0, columns, 1, () => {
      f.setF32(sum, f32.const(0));
      f.set(a, aBase);
      f.set(b, bColumn);
      f.for(step, 0, depth, 1, () => {
        f.setF32(sum, f32.add(sum, f32.mul(f32.load(a), f32.load(b))));
        f.increase(a, aStep);
        f.increase(b, bStep);
      });
      f.storeF32(out, f32.mul(sum, k.float("scale")));
      f.increase(bColumn, k.arg("bColumn"));
      f.increase(out, k.arg("outColumn"));
    });
  });
