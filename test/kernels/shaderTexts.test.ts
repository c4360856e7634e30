/** The list of shader texts that pages give to their workers: all of them, each under its file's name. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { SHADER_TEXTS } from "../../src/kernels/wgsl/texts.js";
import { REPOSITORY } from "../support/reference.js";

it("has every shader", () => {
  const folder = join(REPOSITORY, "src/kernels/wgsl");
  const files = readdirSync(folder).filter((file) => file.endsWith(".wgsl"));
  const texts = files.map((file) => [file.slice(0, -5), readFileSync(join(folder, file), "utf8")]);
  expect(SHADER_TEXTS).toEqual(Object.fromEntries(texts));
});
