/** Convolution: a thread computes four output channels of a pixel of a padded input. */

import type { Activation } from "../../../ops/index.js";
import { activate } from "./activation.js";
import { type Dialect, LANES, lane, load, loadChannel, threadBlock } from "./dialect.js";

export interface ConvProblem {
  readonly dialect: Dialect;
  readonly images: number;
  /** Channels of input and output, all groups together. */
  readonly inputs: number;
  readonly outputs: number;
  readonly groups: number;
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
  readonly activation: Activation;
  readonly hasResidual: boolean;
}

/** True where every group consists of whole blocks of four channels on both sides. */
export function hasWholeBlocks({ groups, inputs, outputs }: ConvProblem): boolean {
  return groups === 1 || ((inputs / groups) % 4 === 0 && (outputs / groups) % 4 === 0);
}

const blocks = (channels: number): number => Math.ceil(channels / 4);

/** Loops over the taps of the window; `row`, `column` and `tap` are in scope of `body`. */
function overTaps({ kernel, dilation }: ConvProblem, body: string): string {
  const [kh, kw] = kernel;
  if (kh * kw === 1) return `const row = top; const column = left; const tap = 0; ${body}`;
  return `for (let ky = 0; ky < ${kh}; ky++) { for (let kx = 0; kx < ${kw}; kx++) {
    const row = top + ky * ${dilation[0]}; const column = left + kx * ${dilation[1]}; const tap = ky * ${kw} + kx;
    ${body}
  } }`;
}

/** Sixteen multiply-adds for five vec4 reads. Weights [output block][input block][tap · 4 + input lane]. */
function blockBody(problem: ConvProblem): string {
  const { dialect, inputs, outputs, groups } = problem;
  const perGroup = blocks(inputs / groups);
  const first =
    groups === 1
      ? "const first = 0;"
      : `const first = Math.floor((block + 0.5) / ${outputs / groups / 4}) * ${perGroup};`;
  const sums = LANES.map(
    (o) =>
      `s${o} += ${LANES.map((i) => `${lane(dialect, "v", i)} * ${lane(dialect, `w${"abcd"[i]}`, o)}`).join(" + ")};`,
  );
  const weights = LANES.map((i) => load(dialect, `w${"abcd"[i]}`, "w", "block", "c", `tap * 4 + ${i}`));
  const body = overTaps(
    problem,
    `${load(dialect, "v", "x", "base + c", "row", "column")} ${weights.join(" ")} ${sums.join(" ")}`,
  );
  return `${first} const base = image * ${blocks(inputs)} + first;
  for (let c = 0; c < ${perGroup}; c++) { ${body} }`;
}

/** Any groups: each lane reads the channels of its own group. Weights [output block][input of the group][tap]. */
function laneBody(problem: ConvProblem): string {
  const { dialect, inputs, outputs, groups } = problem;
  const perGroup = inputs / groups;
  const starts = LANES.map(
    // Padding lanes read the last group.
    (o) =>
      `const g${o} = Math.floor((Math.min(block * 4 + ${o}, ${outputs - 1}) + 0.5) / ${outputs / groups}) * ${perGroup};`,
  );
  const reads = LANES.map((o) =>
    loadChannel(dialect, `v${"abcd"[o]}`, "x", { base: "base", channel: `(g${o} + c)`, y: "row", x: "column" }),
  );
  const sums = LANES.map((o) => `s${o} += v${"abcd"[o]} * ${lane(dialect, "p", o)};`);
  const body = overTaps(
    problem,
    `${load(dialect, "p", "w", "block", "c", "tap")} ${reads.join(" ")} ${sums.join(" ")}`,
  );
  return `const base = image * ${blocks(inputs)}; ${starts.join(" ")}
  for (let c = 0; c < ${perGroup}; c++) { ${body} }`;
}

/** Arguments: x (already padded), w, b [blocks] and, with a residual, r of the output's shape. */
export function convSource(problem: ConvProblem): string {
  const { dialect, images, outputs, stride, activation, hasResidual } = problem;
  const results = LANES.map((o) => activate(activation, `s${o}`, `a${o}`));
  const residual = hasResidual ? load(dialect, "q", "r", "this.thread.z", "this.thread.y", "this.thread.x") : "";
  return `function(x, w, b${hasResidual ? ", r" : ""}) {
  ${threadBlock(images, blocks(outputs))}
  const top = this.thread.y * ${stride[0]}; const left = this.thread.x * ${stride[1]};
  ${load(dialect, "bias", "b", "0", "0", "block")}
  ${LANES.map((o) => `let s${o} = ${lane(dialect, "bias", o)};`).join(" ")}
  ${hasWholeBlocks(problem) ? blockBody(problem) : laneBody(problem)}
  ${results.join("\n  ")}
  ${residual}
  return [${LANES.map((o) => (hasResidual ? `a${o} + ${lane(dialect, "q", o)}` : `a${o}`)).join(", ")}];
}`;
}
