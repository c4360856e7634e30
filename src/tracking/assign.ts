/** Assigns boxes to tracks with the least total cost (Hungarian algorithm, package `munkres`). */

import { munkres } from "munkres";

export interface Assignment {
  readonly pairs: readonly (readonly [row: number, column: number])[];
  readonly rows: readonly number[];
  readonly columns: readonly number[];
}

/**
 * The matching that minimises the sum of `cost − limit` over its pairs, so that only pairs cheaper than `limit` are
 * made. It is exact, and equivalent to padding the matrix with rows and columns for "unmatched". Rows and columns
 * that no pair under the limit connects are independent and solved separately, so that a frame with a thousand boxes
 * is many small problems instead of one with 10⁹ steps.
 * @returns the pairs, and the unmatched rows and columns.
 */
export function assign(
  rowCount: number,
  columnCount: number,
  cost: (row: number, column: number) => number,
  limit: number,
): Assignment {
  const costs: Float64Array[] = [];
  const group = new Groups(rowCount + columnCount);
  for (let row = 0; row < rowCount; row++) {
    const line = new Float64Array(columnCount);
    for (let column = 0; column < columnCount; column++) {
      const value = Math.min(cost(row, column), limit);
      line[column] = value;
      if (value < limit) group.join(row, rowCount + column);
    }
    costs.push(line);
  }
  const parts = new Map<number, { rows: number[]; columns: number[] }>();
  for (let member = 0; member < rowCount + columnCount; member++) {
    const root = group.rootOf(member);
    const part = parts.get(root) ?? { rows: [], columns: [] };
    parts.set(root, part);
    if (member < rowCount) part.rows.push(member);
    else part.columns.push(member - rowCount);
  }
  const pairs: (readonly [number, number])[] = [];
  for (const { rows, columns } of parts.values()) {
    if (rows.length === 0 || columns.length === 0) continue;
    const part = rows.map((row) => columns.map((column) => costs[row][column]));
    for (const [i, j] of munkres(part)) if (part[i][j] < limit) pairs.push([rows[i], columns[j]]);
  }
  pairs.sort(([a], [b]) => a - b);
  const [usedRows, usedColumns] = [new Set(pairs.map(([row]) => row)), new Set(pairs.map(([, column]) => column))];
  return { pairs, rows: without(rowCount, usedRows), columns: without(columnCount, usedColumns) };
}

function without(count: number, used: ReadonlySet<number>): number[] {
  return Array.from({ length: count }, (_, i) => i).filter((i) => !used.has(i));
}

/** Disjoint sets (union-find). */
class Groups {
  private readonly parent: number[];

  constructor(count: number) {
    this.parent = Array.from({ length: count }, (_, i) => i);
  }

  rootOf(member: number): number {
    let at = member;
    while (this.parent[at] !== at) {
      this.parent[at] = this.parent[this.parent[at]];
      at = this.parent[at];
    }
    return at;
  }

  join(a: number, b: number): void {
    this.parent[this.rootOf(a)] = this.rootOf(b);
  }
}
