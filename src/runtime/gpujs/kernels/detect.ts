/** detect: decodes one level's map; a thread gives one number of one row [image · anchor][row · column][output]. */

import { type Dialect, literal, loadChannel } from "./dialect.js";

export interface DetectLevel {
  readonly dialect: Dialect;
  readonly width: number;
  /** Pairs (width, height) in input pixels, flattened. */
  readonly anchors: readonly number[];
  readonly stride: number;
  readonly outputs: number;
  readonly maskCoefficients: number;
}

/** A chain of `?:` over an index. */
export function choose(values: readonly number[], index: string): string {
  return values.reduceRight<string>(
    (rest, value, i) => (rest === "" ? literal(value) : `(${index} < ${i + 0.5} ? ${literal(value)} : ${rest})`),
    "",
  );
}

/** σ(t) of a number `t`, in float32: gpu.js's CPU modes compute in doubles, where scores that are equal in PyTorch would differ. */
export const SIGMOID = "Math.fround(1 / Math.fround(1 + Math.fround(Math.exp(-t))))";

/** Output [outputs, H·W, N·anchors], one float a thread. */
export function detectSource({ dialect, width, anchors, stride, outputs, maskCoefficients }: DetectLevel): string {
  const count = anchors.length / 2;
  const even = anchors.filter((_, i) => i % 2 === 0);
  const odd = anchors.filter((_, i) => i % 2 === 1);
  const rawFrom = outputs - maskCoefficients;
  return `function(x) {
  const k = this.thread.x;
  const image = Math.floor((this.thread.z + 0.5) / ${count}); const anchor = this.thread.z - image * ${count};
  const row = Math.floor((this.thread.y + 0.5) / ${width}); const column = this.thread.y - row * ${width};
  const ch = anchor * ${outputs} + k;
  ${loadChannel(dialect, "t", "x", { base: `image * ${Math.ceil((count * outputs) / 4)}`, channel: "ch", y: "row", x: "column" })}
  const s = ${SIGMOID}; const d = s * 2; const q = d * d;
  const xy = (d + ((k < 0.5 ? column : row) - 0.5)) * ${literal(stride)};
  const wh = q * (k < 2.5 ? ${choose(even, "anchor")} : ${choose(odd, "anchor")});
  return (k < 1.5 ? xy : (k < 3.5 ? wh : (k < ${rawFrom - 0.5} ? s : t)));
}`;
}
