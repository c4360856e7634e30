/** Rows of a detection head that can become boxes, picked out of the model's memory without copying the others. */

import type { Graph } from "../../../ops/index.js";
import type { CandidateRows } from "../../backend.js";

/** Which numbers of a row say how sure it is. */
export interface ScoreColumns {
  readonly first: number;
  readonly end: number;
}

/** Objectness, or the class scores of a head without one; undefined if the first output is not a detection head's. */
export function scoreColumns({ nodes, outputs }: Graph): ScoreColumns | undefined {
  const head = nodes.find((node) => node.outputs.includes(outputs[0]));
  if (head?.type === "detect") return { first: 4, end: 5 };
  if (head?.type === "detectAnchorFree") return { first: 4, end: 4 + head.attrs.classes };
  return undefined;
}

/**
 * The rows of each picture with a score above `threshold`.
 * @param memory from float `base` on: the head's output of `shape` [N, rows, columns]
 */
export function candidateRows(
  memory: Float32Array,
  base: number,
  shape: readonly number[],
  { first, end }: ScoreColumns,
  threshold: number,
): CandidateRows[] {
  const [pictures, total, columns] = shape;
  // Compared as a float32, as in suppression.
  const least = Math.fround(threshold);
  const kept = new Int32Array(total);
  return Array.from({ length: pictures }, (_, n) => {
    const start = base + n * total * columns;
    let count = 0;
    for (let row = 0, at = start; row < total; row++, at += columns) {
      for (let c = at + first; c < at + end; c++) {
        if (memory[c] > least) {
          kept[count++] = row;
          break;
        }
      }
    }
    const rows = kept.slice(0, count);
    const data = new Float32Array(count * columns);
    rows.forEach((row, i) => {
      const at = start + row * columns;
      data.set(memory.subarray(at, at + columns), i * columns);
    });
    return { rows, data, columns, total };
  });
}
