/** The tables of CONTRIBUTING.md have every folder of the sources, and none that does not exist. */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { REPOSITORY } from "../support/reference.js";

const SOURCES = join(REPOSITORY, "src");

/** `a/{b,c}` → `a/b`, `a/c`. */
function expanded(text: string): string[] {
  const braces = /^(.*)\{([^{}]*)\}(.*)$/.exec(text);
  return braces ? braces[2].split(",").flatMap((word) => expanded(`${braces[1]}${word}${braces[3]}`)) : [text];
}

/** Of the first cell of each row, without `src/`. Files and patterns are left out. */
const listed = readFileSync(join(REPOSITORY, "CONTRIBUTING.md"), "utf8")
  .split("\n")
  .flatMap((line) => /^\| (`.*?`) \|/.exec(line)?.[1] ?? [])
  .flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].flatMap(([, text]) => expanded(text)))
  .filter((text) => text.includes("/") && !/[.*]/.test(text))
  .map((text) => text.replace(/^src\//, "").replace(/\/$/, ""));

/** Folders with files of their own. */
const folders = readdirSync(SOURCES, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map(({ parentPath }) => parentPath.slice(SOURCES.length + 1).replaceAll("\\", "/"));

test("every folder is listed", () => {
  const missing = [...new Set(folders)].filter((folder) => folder !== "" && !listed.includes(folder));
  expect(listed.length).toBeGreaterThan(80);
  expect(missing).toEqual([]);
});

test("every folder that is listed exists", () => {
  expect(listed.filter((folder) => !existsSync(join(SOURCES, folder)))).toEqual([]);
});
