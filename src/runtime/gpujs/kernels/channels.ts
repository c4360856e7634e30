/** Kernels that move channels: concat, slices, space ↔ depth. */

import { type Dialect, LANES, lane, load, loadChannel, threadBlock } from "./dialect.js";

const blocks = (channels: number): number => Math.ceil(channels / 4);

/** Concat along channels of inputs that all, but for the last, end at a whole block: copies blocks. */
function concatBlocks(dialect: Dialect, channels: readonly number[]): string {
  const counts = channels.map(blocks);
  let start = 0;
  const branches = counts.map((count, i) => {
    const local = `image * ${count} + Math.min(Math.max(block - ${start}, 0), ${count - 1})`;
    start += count;
    const copy = `${load(dialect, `v${i}`, `x${i}`, local, "this.thread.y", "this.thread.x")}
    ${LANES.map((l) => `s${l} = ${lane(dialect, `v${i}`, l)};`).join(" ")}`;
    return i < counts.length - 1 ? `if (block < ${start}) {\n    ${copy}\n  } else ` : `{\n    ${copy}\n  }`;
  });
  return nest(branches);
}

/** `if … else { if … else { … } }`: gpu.js takes chains only in that form. */
function nest([first, ...rest]: readonly string[]): string {
  return rest.length === 0 ? first : `${first}${rest.length === 1 ? rest[0] : `{ ${nest(rest)} }`}`;
}

/** Any channel counts: each lane finds its input. */
function concatLanes(dialect: Dialect, channels: readonly number[]): string {
  const statements: string[] = [];
  for (const l of LANES) {
    let start = 0;
    const ends: number[] = [];
    channels.forEach((count, i) => {
      statements.push(
        `const c${l}x${i} = Math.min(Math.max(block * 4 + ${l} - ${start}, 0), ${count - 1});`,
        loadChannel(dialect, `v${l}x${i}`, `x${i}`, {
          base: `image * ${blocks(count)}`,
          channel: `c${l}x${i}`,
          y: "this.thread.y",
          x: "this.thread.x",
        }),
      );
      start += count;
      ends.push(start);
    });
    const pick = (i: number): string =>
      i === ends.length - 1 ? `v${l}x${i}` : `(block * 4 + ${l} < ${ends[i]} ? v${l}x${i} : ${pick(i + 1)})`;
    statements.push(`s${l} = ${pick(0)};`);
  }
  return statements.join("\n  ");
}

/** Arguments x0, x1, … with these channels each. */
export function concatSource(dialect: Dialect, images: number, channels: readonly number[]): string {
  const total = channels.reduce((a, b) => a + b, 0);
  const aligned = channels.slice(0, -1).every((c) => c % 4 === 0);
  return `function(${channels.map((_, i) => `x${i}`).join(", ")}) {
  ${threadBlock(images, blocks(total))}
  let s0 = 0.0; let s1 = 0.0; let s2 = 0.0; let s3 = 0.0;
  ${(aligned ? concatBlocks : concatLanes)(dialect, channels)}
  return [s0, s1, s2, s3];
}`;
}

/** Where a lane's value comes from; `c`, the output channel, is in scope of each (after `statements`). */
interface Gather {
  readonly statements: string;
  readonly channel: string;
  readonly y: string;
  readonly x: string;
}

/** Each lane of the output reads one channel of one pixel of the input. `@` in the statements is the lane's suffix. */
function gatherSource(
  dialect: Dialect,
  { images, inputs, outputs }: { readonly images: number; readonly inputs: number; readonly outputs: number },
  gather: Gather,
): string {
  const body = LANES.map((l) => {
    const own = (text: string): string => text.replaceAll("@", `${l}`);
    return `const c${l} = Math.min(block * 4 + ${l}, ${outputs - 1}); ${own(gather.statements)}
  const ch${l} = ${own(gather.channel)};
  ${loadChannel(dialect, `v${"abcd"[l]}`, "x", { base: `image * ${blocks(inputs)}`, channel: `ch${l}`, y: own(gather.y), x: own(gather.x) })}`;
  });
  return `function(x) {
  ${threadBlock(images, blocks(outputs))}
  ${body.join("\n  ")}
  return [va, vb, vc, vd];
}`;
}

export function sliceSource(dialect: Dialect, images: number, inputs: number, start: number, end: number): string {
  return gatherSource(
    dialect,
    { images, inputs, outputs: end - start },
    { statements: "", channel: `c@ + ${start}`, y: "this.thread.y", x: "this.thread.x" },
  );
}

/** Output channel c is slice ⌊c ÷ inputs⌋, whose pair (a, b) says row and column, of channel c mod inputs. */
export function spaceToDepthSource(
  dialect: Dialect,
  images: number,
  inputs: number,
  block: number,
  order: "focus" | "contract",
): string {
  const [row, column] = order === "focus" ? ["b@", "a@"] : ["a@", "b@"];
  return gatherSource(
    dialect,
    { images, inputs, outputs: inputs * block * block },
    {
      statements: `const k@ = Math.floor((c@ + 0.5) / ${inputs}); const a@ = Math.floor((k@ + 0.5) / ${block}); const b@ = k@ - a@ * ${block};`,
      channel: `c@ - k@ * ${inputs}`,
      y: `this.thread.y * ${block} + ${row}`,
      x: `this.thread.x * ${block} + ${column}`,
    },
  );
}

export function depthToSpaceSource(dialect: Dialect, images: number, inputs: number, block: number): string {
  const outputs = inputs / (block * block);
  return gatherSource(
    dialect,
    { images, inputs, outputs },
    {
      statements: `const y@ = Math.floor((this.thread.y + 0.5) / ${block}); const x@ = Math.floor((this.thread.x + 0.5) / ${block});`,
      channel: `((this.thread.y - y@ * ${block}) * ${block} + this.thread.x - x@ * ${block}) * ${outputs} + c@`,
      y: "y@",
      x: "x@",
    },
  );
}
