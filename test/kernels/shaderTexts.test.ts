/** The list of shader texts that pages give to their workers: all that inference needs, each under its file's name. */

import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { expect, it } from "vitest";
import { SHADER_TEXTS } from "../../src/kernels/wgsl/texts.js";
import { REPOSITORY } from "../support/reference.js";

it("every shader of inference is in the list of texts", () => {
  const folder = join(REPOSITORY, "src/kernels/wgsl");
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter(
    (file) => file.endsWith(".wgsl") && !file.startsWith("train"),
  );
  const texts = files.map((file) => [basename(file, ".wgsl"), readFileSync(join(folder, file), "utf8")]);
  expect(SHADER_TEXTS).toEqual(Object.fromEntries(texts));
});
