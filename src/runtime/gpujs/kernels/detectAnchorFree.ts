/**
 * detectAnchorFree: three kernels decode one level. A thread gives one number of one row: of the box, of the classes, or of what
 * else it has; [image][row · column][number].
 */

import { choose, SIGMOID } from "./detect.js";
import { type Dialect, literal, loadChannel } from "./dialect.js";

export interface AnchorFreeLevel {
  readonly dialect: Dialect;
  readonly width: number;
  readonly stride: number;
  /** What the bins of a distance stand for, in cells; none where the head predicts distances. */
  readonly bins: readonly number[];
  /** Boxes as corners instead of centre and size. */
  readonly corners: boolean;
  readonly keypointSize: number;
}

const blocks = (channels: number): number => Math.ceil(channels / 4);

/** `k`, the number's place in its part of the row, and the cell's `row` and `column`. */
const place = (width: number): string => `const k = this.thread.x;
  const row = Math.floor((this.thread.y + 0.5) / ${width}); const column = this.thread.y - row * ${width};`;

const channelAt = (dialect: Dialect, name: string, channels: number, channel: string): string =>
  loadChannel(dialect, name, "x", { base: `this.thread.z * ${blocks(channels)}`, channel, y: "row", x: "column" });

/** Distance to a side in cells: the mean of the softmax over its bins. Names start with `name`. */
function distance({ dialect, bins }: AnchorFreeLevel, name: string, side: string): string {
  const count = bins.length;
  if (count === 0) return channelAt(dialect, name, 4, side);
  const read = (pass: string): string => channelAt(dialect, `${name}${pass}`, 4 * count, `${side} * ${count} + b`);
  const bin = bins.every((value, b) => value === b) ? "b" : choose(bins, "b");
  return `let ${name}top = -3.4e38;
  for (let b = 0; b < ${count}; b++) { ${read("p")} ${name}top = Math.max(${name}top, ${name}p); }
  let ${name}sum = 0.0; let ${name}mean = 0.0;
  for (let b = 0; b < ${count}; b++) {
    ${read("q")} const ${name}e = Math.exp(${name}q - ${name}top); ${name}sum += ${name}e; ${name}mean += ${name}e * ${bin};
  }
  const ${name} = ${name}mean / ${name}sum;`;
}

/** Output [4, H·W, N]. */
export function anchorFreeBoxSource(level: AnchorFreeLevel): string {
  const [first, second] = level.corners ? ["low", "high"] : ["(low + high) * 0.5", "high - low"];
  return `function(x) {
  ${place(level.width)}
  const axis = (k < 1.5 ? k : k - 2);
  const centre = (axis < 0.5 ? column : row) + 0.5;
  ${distance(level, "n", "axis")}
  ${distance(level, "f", "(axis + 2)")}
  const low = centre - n; const high = centre + f;
  return (k < 1.5 ? ${first} : ${second}) * ${literal(level.stride)};
}`;
}

/** Output [classes, H·W, N]. */
export function anchorFreeScoreSource({ dialect, width }: AnchorFreeLevel, classes: number): string {
  return `function(x) {
  ${place(width)}
  ${channelAt(dialect, "t", classes, "k")}
  return ${SIGMOID};
}`;
}

/** Output [extras, H·W, N]: keypoints, or mask coefficients as they are. */
export function anchorFreeExtraSource(level: AnchorFreeLevel, extras: number): string {
  const { dialect, width, stride, keypointSize } = level;
  const point = `const part = k - Math.floor((k + 0.5) / ${keypointSize}) * ${keypointSize};
  const s = ${SIGMOID};
  return (part < 1.5 ? (t * 2 + (part < 0.5 ? column : row)) * ${literal(stride)} : s);`;
  return `function(x) {
  ${place(width)}
  ${channelAt(dialect, "t", extras, "k")}
  ${keypointSize === 0 ? "return t;" : point}
}`;
}
