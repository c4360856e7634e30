/** Rows that a backend has chosen: suppressed as all rows are, joined over batches and ensembles. */

import { describe, expect, it } from "vitest";
import { NumericError, ShapeError } from "../../../../src/errors.js";
import type { CandidateOutputs, CandidateRows } from "../../../../src/runtime/backend.js";
import { type HostTensor, tensor } from "../../../../src/tensor/index.js";
import { nonMaxSuppression, suppressRows } from "../../../../src/yolov5/output/nms/nms.js";
import { resolveNmsOptions } from "../../../../src/yolov5/output/nms/nmsOptions.js";
import { allRows, joinBatches, joinMembers } from "../../../../src/yolov5/output/nms/rows.js";
import { randomTensor } from "../../../support/random.js";

const COLUMNS = 5 + 4 + 2;

/** [n, rows, 11]: boxes that overlap, many equal scores, two mask coefficients. */
function prediction(n: number, rows: number, seed: number): HostTensor<"float32"> {
  const made = randomTensor([n, rows, COLUMNS], seed);
  for (let at = 0; at < made.data.length; at++) {
    const column = at % COLUMNS;
    if (column < 4) made.data[at] = 60 + 40 * made.data[at];
    else if (column < 9) made.data[at] = Math.fround(Math.round(Math.abs(made.data[at]) * 20) / 20);
  }
  return made;
}

/** Those with an objectness above the threshold: more than NMS needs, as from a device. */
function chosen(outputs: readonly HostTensor[], threshold: number): CandidateOutputs {
  const { candidates, others } = allRows(outputs);
  return {
    candidates: candidates.map(({ data, columns, total }): CandidateRows => {
      const rows = Int32Array.from({ length: total }, (_, row) => row).filter(
        (row) => data[row * columns + 4] > threshold,
      );
      const picked = new Float32Array(rows.length * columns);
      rows.forEach((row, i) => {
        picked.set(data.subarray(row * columns, (row + 1) * columns), i * columns);
      });
      return { rows, data: picked, columns, total };
    }),
    others,
  };
}

describe("suppressRows", () => {
  it.each([{ conf: 0.3 }, { conf: 0.3, multiLabel: true }, { conf: 0.05, classes: [1, 3], agnostic: true }])(
    "gives the same boxes, row numbers and coefficients as all rows: %o",
    (options) => {
      const whole = prediction(2, 400, 3);
      const expected = nonMaxSuppression(whole, { ...options, maskCoefficients: 2 });
      const { candidates } = chosen([whole], options.conf);
      expect(candidates[0].rows.length).toBeLessThan(400);
      expect(suppressRows(candidates, resolveNmsOptions(options), { maskCoefficients: 2 })).toEqual(expected);
      expect(suppressRows(allRows([whole]).candidates, resolveNmsOptions(options), { maskCoefficients: 2 })).toEqual(
        expected,
      );
      expect(expected[1].length).toBeGreaterThan(1);
    },
  );

  it("gives the row of a box that is not finite by its number in the whole prediction", () => {
    const data = Float32Array.of(1, Number.NaN, 1, 1, 1, 1);
    const candidates: CandidateRows = { rows: Int32Array.of(77), data, columns: 6, total: 100 };
    expect(() => suppressRows([candidates], resolveNmsOptions({}))).toThrow(NumericError);
    expect(() => suppressRows([candidates], resolveNmsOptions({}))).toThrow(/\(row 77\)/);
  });

  it("accepts an empty prediction", () => {
    const none: CandidateRows = { rows: new Int32Array(0), data: new Float32Array(0), columns: 6, total: 100 };
    expect(suppressRows([none, none], resolveNmsOptions({}))).toEqual([[], []]);
  });
});

describe("joining rows", () => {
  it("concatenates the boxes of an ensemble's members", () => {
    const members = [prediction(2, 60, 1), prediction(2, 40, 2)];
    const together = joinMembers(members.map((member) => chosen([member], 0.4)));
    const expected = [0, 1].map((n) => {
      const data = members.flatMap((m) => [
        ...m.data.subarray(n * m.shape[1] * COLUMNS, (n + 1) * m.shape[1] * COLUMNS),
      ]);
      return nonMaxSuppression(tensor("float32", [1, 100, COLUMNS], Float32Array.from(data)), { conf: 0.4 })[0];
    });
    expect(suppressRows(together.candidates, resolveNmsOptions({ conf: 0.4 }))).toEqual(expected);
    expect(expected[0].some(({ row }) => row >= 60)).toBe(true);
    const odd = allRows([tensor("float32", [2, 1, 7])]);
    expect(() => joinMembers([chosen([members[0]], 0.4), odd])).toThrow(ShapeError);
  });

  it("keeps pictures and other outputs of batches in order", () => {
    const [first, second] = [1, 2].map((seed) => [prediction(seed, 20, seed), randomTensor([seed, 2, 3, 3], seed)]);
    const { candidates, others } = joinBatches([allRows(first), allRows(second)]);
    expect(candidates).toEqual([...allRows(first).candidates, ...allRows(second).candidates]);
    expect(others).toHaveLength(1);
    expect(others[0].shape).toEqual([3, 2, 3, 3]);
    expect([...others[0].data]).toEqual([...first[1].data, ...second[1].data]);
  });
});
