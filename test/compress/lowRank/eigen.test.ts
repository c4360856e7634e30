/** Eigenvalues of symmetric matrices: the matrix again from its parts, also where values coincide or vanish. */

import { expect, test } from "vitest";
import { symmetricEigen } from "../../../src/compress/lowRank/eigen.js";
import { seededRandom } from "../../../src/tensor/index.js";

/** B·Bᵀ with B of n rows and `rank` columns. */
function gram(n: number, rank: number): Float64Array {
  const random = seededRandom(n);
  const b = Float64Array.from({ length: n * rank }, () => random() - 0.5);
  const matrix = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      for (let k = 0; k < rank; k++) matrix[i * n + j] += b[i * rank + k] * b[j * rank + k];
    }
  }
  return matrix;
}

const cases: [string, number, Float64Array][] = [
  ["one number", 1, Float64Array.of(-3)],
  ["nothing", 4, new Float64Array(16)],
  ["a diagonal", 3, Float64Array.of(2, 0, 0, 0, 5, 0, 0, 0, -1)],
  ["values that coincide", 3, Float64Array.of(2, 1, 1, 1, 2, 1, 1, 1, 2)],
  ["full rank", 48, gram(48, 48)],
  ["a third of the rank", 60, gram(60, 20)],
  ["large and small numbers", 30, gram(30, 30).map((v, i) => v * 10 ** (-0.2 * ((i % 30) + Math.floor(i / 30))))],
];

test.each(cases)("%s", async (_, n, matrix) => {
  const { values, vectors } = await symmetricEigen(matrix, n);
  const scale = Math.max(...matrix.map(Math.abs), 1e-300);
  for (let i = 0; i < n; i++) {
    if (i > 0) expect(values[i]).toBeLessThanOrEqual(values[i - 1]);
    for (let j = 0; j < n; j++) {
      let [again, product] = [0, 0];
      for (let k = 0; k < n; k++) {
        again += values[k] * vectors[k * n + i] * vectors[k * n + j];
        product += vectors[i * n + k] * vectors[j * n + k];
      }
      expect(Math.abs(again - matrix[i * n + j])).toBeLessThanOrEqual(1e-12 * scale);
      expect(Math.abs(product - (i === j ? 1 : 0))).toBeLessThan(1e-12);
    }
  }
});

test("a low rank leaves values of zero", async () => {
  const { values } = await symmetricEigen(gram(60, 20), 60);
  expect(values[19]).toBeGreaterThan(1e-3 * values[0]);
  for (const value of values.slice(20)) expect(Math.abs(value)).toBeLessThan(1e-12 * values[0]);
});

test("numbers that are not finite are refused", async () => {
  const matrix = gram(5, 5);
  matrix[7] = Number.NaN;
  await expect(symmetricEigen(matrix, 5)).rejects.toThrow(/not finite/);
});
