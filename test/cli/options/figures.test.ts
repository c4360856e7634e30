import { expect, test } from "vitest";
import { speedFlag } from "../../../src/cli/options/figures.js";

const CORNERS = "0,0,1,0,1,1,0,1,10,30";

test.each([
  ["", 1, "m/s"],
  [",km/h", 3.6, "km/h"],
  [",pace", 1, "pace/s"],
  // Names that every object has.
  [",constructor", 1, "constructor/s"],
  [",__proto__", 1, "__proto__/s"],
])("--ground with the unit %j", (text, factor, unit) => {
  expect(speedFlag(CORNERS + text)).toMatchObject({ factor, unit, size: [10, 30] });
});
