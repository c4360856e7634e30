/** The walks of docs/architecture.md name functions that are where they say. */

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { REPOSITORY } from "../support/reference.js";

const page = readFileSync(join(REPOSITORY, "docs/architecture.md"), "utf8");

/** Rows `| 1 | \`Class.method\` | \`file\` | … |` and, in the table of interfaces, `| \`Name\` | \`file\` | … |`. */
const steps = [...page.matchAll(/^\| (?:(\d+) \| )?`([\w.]+)` \| `(src\/[^`]+)` \|/gm)].map(
  ([, number, name, file]) => ({ number, name, file }),
);

test("both walks and the interfaces are found, numbered without gaps", () => {
  const numbers = steps.flatMap(({ number }) => (number === undefined ? [] : [Number(number)]));
  const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);
  expect(numbers).toEqual([...upTo(12), ...upTo(10)]);
  expect(page).toMatch(/Twelve functions do the work[\s\S]*Ten functions/);
  expect(steps.length).toBe(numbers.length + 4);
});

test.each(steps)("$name is in $file", ({ name, file }) => {
  const source = readFileSync(join(REPOSITORY, file), "utf8");
  for (const part of name.split(".")) {
    expect(source).toMatch(
      new RegExp(`(?:(?:function|class|interface|type|const)\\*? ${part}\\b|^ {2}(?:async )?${part}[(<])`, "m"),
    );
  }
});

test("every other file and folder named there exists", () => {
  const paths = [...page.matchAll(/`((?:src|test|bench)\/[\w./-]+)`/g)].map(([, path]) => path);
  expect(paths.length).toBeGreaterThan(30);
  expect(paths.filter((path) => !existsSync(join(REPOSITORY, path)))).toEqual([]);
});
