/** Of int8 with and without training, the better one is the result. */

import { expect, it } from "vitest";
import { resultAmong } from "../../../src/cli/compress/int8.js";
import type { Step } from "../../../src/cli/compress/step.js";

const ROWS = ["original", "+ int8", "+ recovered in int8"];
const facts = { steps: 1 } as unknown as Parameters<typeof resultAmong>[1]["int8Recovery"];

it.each([
  [[0.3, 0.28, 0.29], true, 2],
  [[0.3, 0.28, 0.28], true, 2],
  [[0.3, 0.28, 0.27], true, 1],
  [[0.3, 0.28, 0.27], false, 2],
])("%j, trained in int8: %s", (figures, trained, expected) => {
  const rows = figures.map((map50_95, i) => ({ name: ROWS[i], map50_95 }));
  const lines: string[] = [];
  const steps = ROWS.slice(1).map((name) => ({ name }) as Step);
  const made = { steps, notes: ["before"], int8Recovery: trained ? facts : undefined };
  const { lastIndex, notes } = resultAmong(rows, made, { line: (text) => lines.push(text ?? "") });
  expect(lastIndex).toBe(expected);
  const said =
    expected === 1
      ? ['int8 has a higher mAP50-95 without training (0.280 instead of 0.270), so the result is the row "+ int8"']
      : [];
  expect(notes).toEqual(["before", ...said]);
  expect(lines).toEqual(said.map((text) => `note: ${text}`));
});
