/** Numbers and lengths in label files beyond what any data set has. */

import { expect, test } from "vitest";
import { parseLabels } from "../../src/eval/dataset/labels.js";
import { fillPolygon } from "../../src/eval/fillPolygon.js";
import { soon } from "../support/limits.js";

test.each(["65536", "4294967296", "1e300"])("class %s is refused, and does not become another one", (word) => {
  const { problems } = parseLabels(`${word} 0.5 0.5 0.1 0.1`);
  expect(problems).toMatchObject([{ line: 1, message: `the class ${word} is above 65535` }]);
});

test("an outline may have more points than a call may have arguments", async () => {
  const points = Int32Array.from({ length: 280_000 }, (_, i) => (i % 4 < 2 ? 1 : 3) + (i % 8));
  const bitmap = { width: 16, height: 16, data: new Uint8Array(256) };
  await soon(() => fillPolygon(bitmap, points));
  expect(bitmap.data.some((value) => value === 1)).toBe(true);
});
