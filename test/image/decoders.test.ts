/** The decoders in WebAssembly are what THIRD_PARTY.md and the docs say they are. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { REPOSITORY } from "../support/reference.js";

const read = (...parts: readonly string[]): string => readFileSync(join(REPOSITORY, ...parts), "latin1");
const library = read("node_modules", "@jsquash", "avif", "codec", "dec", "avif_dec.wasm");

it("AVIF is libaom in the version that is documented", () => {
  expect(library).toContain("3.7.0");
  expect(library).not.toContain("dav1d");
  expect(read("THIRD_PARTY.md")).toContain("libaom 3.7.0");
  for (const page of ["THIRD_PARTY.md", "docs/pictures.md", "docs/hostile-files.md"])
    expect(read(page)).not.toContain("dav1d");
});

it("known weaknesses are documented", () => {
  const told = read("THIRD_PARTY.md");
  expect(told).toContain("CVE-2023-4863");
  expect(told).toContain("d2e245ea");
});
