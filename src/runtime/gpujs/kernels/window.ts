/** Padding, pooling, upsampling: kernels over a neighbourhood of the same channel. */

import { type Dialect, LANES, lane, literal, load } from "./dialect.js";

/** Puts an h×w map at (top, left) of a larger or smaller one, whose other pixels are `value`. */
export function padSource(
  dialect: Dialect,
  [h, w]: readonly [number, number],
  [top, left]: readonly [number, number],
  value: number,
): string {
  return `function(x) {
  const y = this.thread.y - ${literal(top)}; const column = this.thread.x - ${literal(left)};
  const nearY = Math.min(Math.max(y, 0), ${h - 1}); const nearX = Math.min(Math.max(column, 0), ${w - 1});
  ${load(dialect, "v", "x", "this.thread.z", "nearY", "nearX")}
  const outside = Math.abs(y - nearY) + Math.abs(column - nearX);
  return [${LANES.map((i) => `(outside > 0.5 ? ${literal(value)} : ${lane(dialect, "v", i)})`).join(", ")}];
}`;
}

/** The maximum along one axis of a padded map; maxPool2d is one pass along each. */
export function maxSource(
  dialect: Dialect,
  axis: "x" | "y",
  { kernel, stride, dilation }: { readonly kernel: number; readonly stride: number; readonly dilation: number },
): string {
  const at = `start + k * ${dilation}`;
  const [y, x] = axis === "x" ? ["this.thread.y", at] : [at, "this.thread.x"];
  const [y0, x0] = axis === "x" ? ["this.thread.y", "start"] : ["start", "this.thread.x"];
  return `function(x) {
  const start = this.thread.${axis} * ${stride};
  ${load(dialect, "first", "x", "this.thread.z", y0, x0)}
  ${LANES.map((i) => `let m${i} = ${lane(dialect, "first", i)};`).join(" ")}
  for (let k = 1; k < ${kernel}; k++) {
    ${load(dialect, "v", "x", "this.thread.z", y, x)}
    ${LANES.map((i) => `m${i} = Math.max(m${i}, ${lane(dialect, "v", i)});`).join(" ")}
  }
  return [m0, m1, m2, m3];
}`;
}

export function upsampleSource(dialect: Dialect, [sy, sx]: readonly [number, number]): string {
  return `function(x) {
  const y = Math.floor((this.thread.y + 0.5) / ${sy}); const column = Math.floor((this.thread.x + 0.5) / ${sx});
  ${load(dialect, "v", "x", "this.thread.z", "y", "column")}
  return [${LANES.map((i) => lane(dialect, "v", i)).join(", ")}];
}`;
}

/** Mean over an h×w map. Rows are summed first, which keeps float32 sums accurate. */
export function meanSource(dialect: Dialect, [h, w]: readonly [number, number]): string {
  return `function(x) {
  let t0 = 0.0; let t1 = 0.0; let t2 = 0.0; let t3 = 0.0;
  for (let y = 0; y < ${h}; y++) {
    ${load(dialect, "first", "x", "this.thread.z", "y", "0")}
    ${LANES.map((i) => `let s${i} = ${lane(dialect, "first", i)};`).join(" ")}
    for (let k = 1; k < ${w}; k++) {
      ${load(dialect, "v", "x", "this.thread.z", "y", "k")}
      ${LANES.map((i) => `s${i} += ${lane(dialect, "v", i)};`).join(" ")}
    }
    ${LANES.map((i) => `t${i} += s${i};`).join(" ")}
  }
  return [${LANES.map((i) => `t${i} / ${h * w}`).join(", ")}];
}`;
}
