/** Winograd's output transform: M to pixels, with bias, activation and residual. */

import { type I32, type I32Local, i32, vec } from "../emit/index.js";
import type { KernelBody } from "../kernel.js";
import { activate } from "../map/activations.js";
import type { ConvVariant } from "./variant.js";
import { loads, locate, type WinogradField, type WinogradLocals } from "./winogradBody.js";
import { planesOf, WINOGRAD_TILE, type WinogradScheme } from "./winogradSchemes.js";

/** M to output pixels, for the channels of one panel. */
export function scatter(
  k: KernelBody<WinogradField>,
  scheme: WinogradScheme,
  variant: ConvVariant,
  s: WinogradLocals,
  vectors: number,
  locals: { bias: I32Local; column: I32Local },
): void {
  const { f } = k;
  const { line } = scheme;
  const planes = planesOf(scheme);
  const out = f.i32();
  const residual = f.i32();
  const source = f.i32();
  const at = f.i32();
  const i = f.i32();
  const x = f.i32();
  const y = f.i32();
  f.for(s.t, 0, s.count, 1, () => {
    locate(k, s);
    f.set(y, i32.mul(s.tileY, WINOGRAD_TILE));
    f.set(x, i32.mul(s.tileX, WINOGRAD_TILE));
    const place = (base: "out" | "residual"): I32 => {
      const pixel = i32.add(i32.mul(y, k.arg(`${base}Row`)), i32.mul(x, k.arg(`${base}Pixel`)));
      return i32.add(i32.add(i32.add(k.arg(base), i32.mul(s.image, k.arg(`${base}Image`))), pixel), locals.column);
    };
    const rowsLeft = k.min(i32.sub(k.arg("outHeight"), y), i32.const(WINOGRAD_TILE));
    const columnsLeft = f.i32(i32.sub(k.arg("outWidth"), x));
    for (let vector = 0; vector < vectors; vector++) {
      f.set(out, i32.add(place("out"), vector * 16));
      if (variant.residual) f.set(residual, i32.add(place("residual"), vector * 16));
      const bias = f.vec(vec.load(locals.bias, vector * 16));
      f.set(source, i32.add(s.m, i32.add(i32.mul(s.t, vectors * planes * 16), vector * planes * 16)));
      for (let column = 0; column < line; column++) {
        const m = Array.from({ length: line }, (_, r) => f.vec(vec.load(source, scheme.plane(r, column) * 16)));
        scheme.output(f, m).forEach((value, r) => {
          f.storeVec(s.between, value, (r * line + column) * 16);
        });
      }
      f.set(at, s.between);
      f.for(i, 0, rowsLeft, 1, () => {
        const values = scheme.output(f, loads(f, at, line, 16));
        const target = f.i32(out);
        const shortcut = f.i32(residual);
        values.forEach((value, index) => {
          const write = (): void => {
            let result = activate(f, variant.activation, vec.add(value, bias));
            if (variant.residual) result = vec.add(f.vec(result), vec.load(shortcut));
            f.storeVec(target, result);
          };
          if (index === 0) write();
          else f.if(i32.gtS(columnsLeft, index), write);
          if (index === WINOGRAD_TILE - 1) return;
          f.increase(target, k.arg("outPixel"));
          if (variant.residual) f.increase(shortcut, k.arg("residualPixel"));
        });
        f.increase(at, line * 16);
        f.increase(out, k.arg("outRow"));
        if (variant.residual) f.increase(residual, k.arg("residualRow"));
      });
    }
  });
}
