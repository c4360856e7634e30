/** Winograd's input transform: tiles of the picture, with zeros beyond its edges, to V. */

import { i32, vec } from "../emit/index.js";
import type { KernelBody } from "../kernel.js";
import { loads, locate, type WinogradField, type WinogradLocals } from "./winogradBody.js";
import { planesOf, WINOGRAD_TILE, type WinogradScheme } from "./winogradSchemes.js";

/** Input tiles to V. */
export function gather(k: KernelBody<WinogradField>, scheme: WinogradScheme, s: WinogradLocals): void {
  const { f } = k;
  const { line } = scheme;
  const planes = planesOf(scheme);
  const step = WINOGRAD_TILE * scheme.stride;
  const y = f.i32();
  const x = f.i32();
  const row = f.i32();
  const column = f.i32();
  const source = f.i32();
  const rowStep = f.i32();
  const pixelStep = f.i32();
  const channel = f.i32();
  const target = f.i32();
  const inHeight = k.local("inHeight");
  const inWidth = k.local("inWidth");
  const rows = Array.from({ length: line }, () => f.i32());
  const at = f.i32();
  const i = f.i32();
  const plane = f.i32();
  f.for(s.t, 0, s.count, 1, () => {
    locate(k, s);
    f.set(y, i32.sub(i32.mul(s.tileY, step), k.arg("padY")));
    f.set(x, i32.sub(i32.mul(s.tileX, step), k.arg("padX")));
    f.set(rowStep, k.arg("xRow"));
    f.set(pixelStep, k.arg("xPixel"));
    const origin = i32.add(i32.mul(y, rowStep), i32.mul(x, pixelStep));
    f.set(source, i32.add(i32.add(k.arg("x"), i32.mul(s.image, k.arg("xImage"))), origin));
    const inside = i32.and(
      i32.and(i32.geS(y, 0), i32.leS(i32.add(y, line), inHeight)),
      i32.and(i32.geS(x, 0), i32.leS(i32.add(x, line), inWidth)),
    );
    f.if(i32.eqz(inside), () => {
      // A tile over the edge: its pixels are copied beside each other, zeros where there are none.
      f.zeroMemory(s.patch, i32.mul(s.depthBytes, planes));
      f.set(target, s.patch);
      f.for(row, y, i32.add(y, line), 1, () => {
        f.for(column, x, i32.add(x, line), 1, () => {
          f.if(i32.and(i32.ltU(row, inHeight), i32.ltU(column, inWidth)), () => {
            const shift = i32.add(i32.mul(i32.sub(row, y), rowStep), i32.mul(i32.sub(column, x), pixelStep));
            f.copyMemory(target, i32.add(source, shift), s.depthBytes);
          });
          f.increase(target, s.depthBytes);
        });
      });
      f.set(source, s.patch);
      f.set(pixelStep, s.depthBytes);
      f.set(rowStep, i32.mul(s.depthBytes, line));
    });
    f.set(target, i32.add(s.v, i32.mul(s.t, s.depthBytes)));
    f.for(channel, 0, s.depthBytes, 16, () => {
      f.set(rows[0], i32.add(source, channel));
      for (let r = 1; r < line; r++) f.set(rows[r], i32.add(rows[r - 1], rowStep));
      f.set(at, s.between);
      f.for(i, 0, line, 1, () => {
        const d = rows.map((r) => f.vec(vec.load(r)));
        scheme.input(f, d).forEach((value, r) => {
          f.storeVec(at, value, r * line * 16);
        });
        for (const r of rows) f.increase(r, pixelStep);
        f.increase(at, 16);
      });
      f.set(at, s.between);
      for (let r = 0; r < line; r++) {
        const values = scheme.input(f, loads(f, at, line, 16));
        const order = values
          .map((value, c) => ({ value, plane: scheme.plane(r, c) }))
          .sort((a, b) => a.plane - b.plane);
        let reached = 0;
        f.set(plane, i32.add(target, channel));
        for (const { value, plane: number } of order) {
          if (number !== reached) {
            const planesOn = number - reached;
            f.increase(plane, planesOn === 1 ? s.planeBytes : i32.mul(s.planeBytes, planesOn));
          }
          reached = number;
          f.storeVec(plane, value);
        }
        f.increase(at, line * 16);
      }
    });
  });
}
