/** The assignment against every possible one. */

import { describe, expect, test } from "vitest";
import { assign } from "../../src/tracking/assign.js";
import { randomTensor } from "../support/random.js";

/** The least sum of cost − limit over all partial matchings. */
function best(costs: readonly (readonly number[])[], limit: number, row = 0, used = 0): number {
  if (row === costs.length) return 0;
  let least = best(costs, limit, row + 1, used);
  for (const [column, cost] of costs[row].entries()) {
    if ((used >> column) & 1 || cost >= limit) continue;
    least = Math.min(least, cost - limit + best(costs, limit, row + 1, used | (1 << column)));
  }
  return least;
}

describe.each([
  [3, 3],
  [5, 3],
  [3, 6],
  [6, 6],
  [1, 4],
])("%i rows and %i columns", (rows, columns) => {
  test.each([0.2, 0.5, 0.8, 1])("limit %f: the assignment has minimum cost and uses each once", (limit) => {
    for (let seed = 0; seed < 30; seed++) {
      const flat = randomTensor([rows * columns], seed * 31 + rows).data;
      const costs = Array.from({ length: rows }, (_, i) =>
        Array.from({ length: columns }, (_, j) => Math.abs(flat[i * columns + j])),
      );
      const found = assign(rows, columns, (i, j) => costs[i][j], limit);
      for (const [i, j] of found.pairs) expect(costs[i][j]).toBeLessThan(limit);
      const sum = found.pairs.reduce((total, [i, j]) => total + costs[i][j] - limit, 0);
      expect(sum).toBeCloseTo(best(costs, limit), 9);
      const all = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
      expect([...found.pairs.map(([i]) => i), ...found.rows].sort((a, b) => a - b)).toEqual(all(rows));
      expect([...found.pairs.map(([, j]) => j), ...found.columns].sort((a, b) => a - b)).toEqual(all(columns));
    }
  });
});

test("a greedy choice would cost more: 0.1 + 0.9 against 0.2 + 0.3", () => {
  const costs = [
    [0.1, 0.2],
    [0.3, 0.95],
  ];
  expect(assign(2, 2, (i, j) => costs[i][j], 1).pairs).toEqual([
    [0, 1],
    [1, 0],
  ]);
});

test("there may be nothing to match", () => {
  const never = (): number => {
    throw new Error("no cost should be asked for");
  };
  expect(assign(0, 2, never, 1)).toEqual({ pairs: [], rows: [], columns: [0, 1] });
  expect(assign(2, 0, never, 1)).toEqual({ pairs: [], rows: [0, 1], columns: [] });
});

test("a thousand boxes far apart are a thousand small problems", () => {
  let asked = 0;
  const cost = (i: number, j: number): number => {
    asked++;
    return Math.abs(i - j) <= 1 ? 0.1 + 0.3 * Math.abs(i - j) : 1;
  };
  // In blocks of three neighbours: a chain of all would be one problem.
  const blocked = (i: number, j: number): number => (Math.floor(i / 3) === Math.floor(j / 3) ? cost(i, j) : 1);
  const { pairs } = assign(999, 999, blocked, 0.8);
  expect(pairs).toEqual(Array.from({ length: 999 }, (_, i) => [i, i]));
  expect(asked).toBe(999 * 3);
});
