/**
 * Attention over pixels in three kernels: scores of every query and key, the softmax's largest score and sum, and the weighted sum
 * of values. Heads consist of whole blocks of four channels. Arguments of a pixel (x, y) are its query's.
 */

import { type Dialect, LANES, lane, load, loadChannel } from "./dialect.js";

export interface AttentionProblem {
  readonly dialect: Dialect;
  readonly heads: number;
  /** Channels of a head's keys and values. */
  readonly keySize: number;
  readonly valueSize: number;
  readonly height: number;
  readonly width: number;
}

const blocks = (channels: number): number => Math.ceil(channels / 4);

/** Output [w, h, N · heads · blocks of keys], the four lanes being four keys; arguments q, k. */
export function attentionScoresSource(problem: AttentionProblem): string {
  const { dialect, keySize, height, width } = problem;
  const keys = blocks(height * width);
  const perHead = blocks(keySize);
  const places = LANES.map(
    (l) => `const j${l} = Math.min(block * 4 + ${l}, ${height * width - 1});
  const r${l} = Math.floor((j${l} + 0.5) / ${width}); const c${l} = j${l} - r${l} * ${width};`,
  );
  const sums = LANES.map((l) => {
    const products = LANES.map((i) => `${lane(dialect, "a", i)} * ${lane(dialect, `b${l}x`, i)}`);
    return `${load(dialect, `b${l}x`, "k", "first + d", `r${l}`, `c${l}`)} s${l} += ${products.join(" + ")};`;
  });
  const scale = 1 / Math.sqrt(keySize);
  return `function(q, k) {
  const head = Math.floor((this.thread.z + 0.5) / ${keys}); const block = this.thread.z - head * ${keys};
  const first = head * ${perHead};
  ${places.join("\n  ")}
  let s0 = 0.0; let s1 = 0.0; let s2 = 0.0; let s3 = 0.0;
  for (let d = 0; d < ${perHead}; d++) {
    ${load(dialect, "a", "q", "first + d", "this.thread.y", "this.thread.x")}
    ${sums.join("\n    ")}
  }
  return [${LANES.map((l) => `s${l} * ${scale}`).join(", ")}];
}`;
}

/** Output [w, h, N · heads]: the largest score and the sum of exponentials; argument: scores. */
export function attentionSumSource({ dialect, height, width }: AttentionProblem): string {
  const count = height * width;
  const read = (name: string): string =>
    loadChannel(dialect, name, "x", {
      base: `this.thread.z * ${blocks(count)}`,
      channel: "j",
      y: "this.thread.y",
      x: "this.thread.x",
    });
  return `function(x) {
  let highest = -3.4e38;
  for (let j = 0; j < ${count}; j++) { ${read("p")} highest = Math.max(highest, p); }
  let sum = 0.0;
  for (let j = 0; j < ${count}; j++) { ${read("q")} sum += Math.exp(q - highest); }
  return [highest, sum, 0, 0];
}`;
}

/** Output of the values' shape; arguments: scores, what `attentionSumSource` gives, and v. */
export function attentionApplySource({ dialect, valueSize, height, width }: AttentionProblem): string {
  const perHead = blocks(valueSize);
  return `function(x, t, v) {
  const head = Math.floor((this.thread.z + 0.5) / ${perHead});
  ${load(dialect, "m", "t", "head", "this.thread.y", "this.thread.x")}
  let s0 = 0.0; let s1 = 0.0; let s2 = 0.0; let s3 = 0.0;
  for (let r = 0; r < ${height}; r++) { for (let c = 0; c < ${width}; c++) {
    const j = r * ${width} + c;
    ${loadChannel(dialect, "p", "x", { base: `head * ${blocks(height * width)}`, channel: "j", y: "this.thread.y", x: "this.thread.x" })}
    const e = Math.exp(p - ${lane(dialect, "m", 0)});
    ${load(dialect, "u", "v", "this.thread.z", "r", "c")}
    ${LANES.map((l) => `s${l} += e * ${lane(dialect, "u", l)};`).join(" ")}
  } }
  return [${LANES.map((l) => `s${l} / ${lane(dialect, "m", 1)}`).join(", ")}];
}`;
}
