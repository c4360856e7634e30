/** docs/support.md says what the tables say that the tests and the engine run on. */

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { REPOSITORY } from "../support/reference.js";
import { withSupportMatrix } from "../support/supportMatrix.js";

it("the support matrix is the generated one", () => {
  const path = join(REPOSITORY, "docs/support.md");
  const page = readFileSync(path, "utf8");
  const wanted = withSupportMatrix(page);
  if (process.env.UPDATE_DOCS === "1") writeFileSync(path, wanted);
  else expect(page).toBe(wanted);
});
