/** The README says what the tables say. */

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { REPOSITORY } from "../support/reference.js";
import { withSupportMatrix } from "../support/supportMatrix.js";

it("the support matrix is the generated one", () => {
  const path = join(REPOSITORY, "README.md");
  const readme = readFileSync(path, "utf8");
  const wanted = withSupportMatrix(readme);
  if (process.env.UPDATE_README === "1") writeFileSync(path, wanted);
  else expect(readme).toBe(wanted);
});
