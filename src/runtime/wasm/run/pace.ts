/**
 * How many steps of a program run in one go, and how many tiles of a long one. WebAssembly that runs hears nothing, so a forward
 * pass of seconds is cut into pieces of a fraction of one; a pass that is quicker than that stays whole.
 */

import { nodeFlops } from "../../../ops/index.js";
import type { TilePart } from "../device/machine.js";
import type { Program } from "./program.js";

/** What a piece should take. */
const PIECE_MS = 150;
/** Operations of a piece (multiply-adds × 2) while nothing is known of the machine. */
const FIRST_PIECE = 2 ** 30;

export class Pace {
  /** Operations of all steps before each one. */
  private readonly before: Float64Array;
  private readonly tiles: Int32Array;
  private perMs = FIRST_PIECE / PIECE_MS;

  constructor({ steps, graph }: Pick<Program, "steps" | "graph">) {
    this.before = new Float64Array(steps.length + 1);
    this.tiles = Int32Array.from(steps, ({ tiles }) => tiles);
    const stepsOf = new Map<number, number>();
    for (const { node } of steps) stepsOf.set(node, (stepsOf.get(node) ?? 0) + 1);
    for (const [i, { node: index }] of steps.entries()) {
      const node = graph.nodes[index];
      const flops = node ? nodeFlops(graph, node) : 0;
      // Which of a node's steps does how much of it is not known.
      this.before[i + 1] = this.before[i] + flops / (stepsOf.get(index) ?? 1);
    }
  }

  /** The end of the piece that begins with step `first`: at least that one, which `part` may divide. */
  end(first: number): number {
    const { before } = this;
    const most = before[first] + this.perMs * PIECE_MS;
    let end = first + 1;
    while (end < before.length - 1 && before[end + 1] <= most) end++;
    return end;
  }

  /** The tiles of the piece [first, end) to begin with, of a single step that takes long; undefined: all that are left. */
  part(first: number, end: number, from: number): TilePart | undefined {
    const tiles = this.tiles[first];
    const flops = this.before[end] - this.before[first];
    if (end > first + 1 || tiles < 2) return undefined;
    const wanted = Math.max(1, Math.floor((tiles * this.perMs * PIECE_MS) / flops));
    // The last piece takes what would be less than half of one.
    const to = from + 1.5 * wanted >= tiles ? tiles : from + wanted;
    return from === 0 && to === tiles ? undefined : { step: first, from, to, tiles };
  }

  /** How long a piece took. */
  took(first: number, end: number, ms: number, part?: TilePart): void {
    const share = part ? (part.to - part.from) / part.tiles : 1;
    const flops = share * (this.before[end] - this.before[first]);
    // Steps that only move data tell nothing of the machine's arithmetic.
    if (flops < 0.1 * this.perMs * PIECE_MS || ms === 0) return;
    // One piece that was quicker than it seems must not make the next ones endless.
    this.perMs = Math.min(flops / ms, 2 * this.perMs);
  }
}
