/** The support matrix of docs/support.md, from the tables that the tests and the engine run on. */

import { OPS } from "../../src/ops/index.js";
import { BLOCKS } from "../../src/yolov5/graph/catalogue.js";
import { ARCHITECTURES } from "../parity/support/architectures.js";
import { CPU, WASM, WEBGPU } from "./backends.js";

const START = "<!-- support matrix: generated, UPDATE_DOCS=1 npx vitest run test/docs/support.test.ts -->";
const END = "<!-- end of the support matrix -->";

export function supportMatrix(): string {
  const backends = [CPU, WASM, WEBGPU].map(({ name }) => name);
  const rows = ARCHITECTURES.map(
    ({ title, task, references }) =>
      `| ${title} | ${task} | ${backends.map(() => "✓").join(" | ")} | ${references.map((name) => `\`${name}\``).join(", ")} |`,
  );
  const modules = [...BLOCKS.keys()].filter((name) => !name.startsWith("_") && !name.startsWith("NonDynamically"));
  return [
    START,
    `| architecture | task | ${backends.map((name) => `\`${name}\``).join(" | ")} | compared with PyTorch |`,
    `|---|---|${backends.map(() => "---|").join("")}---|`,
    ...rows,
    "",
    "## Modules and ops",
    "",
    `Modules: ${modules.map((name) => `\`${name}\``).join(", ")}, \`Detect\`, \`Segment\`. Modules of other names are recognised by their parts.`,
    "",
    `Ops, on every backend: ${Object.keys(OPS)
      .map((name) => `\`${name}\``)
      .join(", ")}.`,
    END,
  ].join("\n");
}

/** The page with its matrix replaced. @throws Error when it has no markers. */
export function withSupportMatrix(page: string): string {
  const [start, end] = [page.indexOf(START), page.indexOf(END)];
  if (start < 0 || end < start) throw new Error(`the page has no place for the support matrix (${START} … ${END})`);
  return page.slice(0, start) + supportMatrix() + page.slice(end + END.length);
}
