/** Kernels that compute a pixel from the same pixel: add, activation, scale, batch normalisation. */

import type { Activation } from "../../../ops/index.js";
import { activate } from "./activation.js";
import { type Dialect, LANES, lane, literal, load, threadBlock } from "./dialect.js";

const here = (dialect: Dialect, name: string, array: string): string =>
  load(dialect, name, array, "this.thread.z", "this.thread.y", "this.thread.x");

/** Arguments x0 … x(count − 1). */
export function addSource(dialect: Dialect, count: number): string {
  const names = Array.from({ length: count }, (_, i) => `x${i}`);
  return `function(${names.join(", ")}) {
  ${names.map((name) => here(dialect, `v${name}`, name)).join("\n  ")}
  return [${LANES.map((i) => names.map((name) => lane(dialect, `v${name}`, i)).join(" + ")).join(", ")}];
}`;
}

export function activationSource(dialect: Dialect, activation: Activation): string {
  return `function(x) {
  ${here(dialect, "v", "x")}
  ${LANES.map((i) => `const s${i} = ${lane(dialect, "v", i)}; ${activate(activation, `s${i}`, `a${i}`)}`).join("\n  ")}
  return [a0, a1, a2, a3];
}`;
}

export function scaleSource(dialect: Dialect, factor: number): string {
  return `function(x) {
  ${here(dialect, "v", "x")}
  return [${LANES.map((i) => `${lane(dialect, "v", i)} * ${literal(factor)}`).join(", ")}];
}`;
}

/** Arguments x, factor g [blocks], shift h [blocks]. */
export function affineSource(dialect: Dialect, images: number, blocks: number): string {
  return `function(x, g, h) {
  ${threadBlock(images, blocks)}
  ${here(dialect, "v", "x")}
  ${load(dialect, "p", "g", "0", "0", "block")}
  ${load(dialect, "q", "h", "0", "0", "block")}
  return [${LANES.map((i) => `${lane(dialect, "v", i)} * ${lane(dialect, "p", i)} + ${lane(dialect, "q", i)}`).join(", ")}];
}`;
}
