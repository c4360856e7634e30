/** The README's support matrix, from the tables that the tests and the engine run on. */

import { OPS } from "../../src/ops/index.js";
import { BLOCKS } from "../../src/yolov5/graph/catalogue.js";
import { ARCHITECTURES } from "../parity/architectures.js";
import { CPU, WASM, WEBGPU } from "./backends.js";

const START = "<!-- support matrix: generated, UPDATE_README=1 npx vitest run test/docs -->";
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
    `Modules: ${modules.map((name) => `\`${name}\``).join(", ")}, \`Detect\`, \`Segment\`; other names are matched by their parts.`,
    `Ops of every backend: ${Object.keys(OPS)
      .map((name) => `\`${name}\``)
      .join(", ")}.`,
    END,
  ].join("\n");
}

/** The README with its matrix replaced. @throws Error when it has no markers. */
export function withSupportMatrix(readme: string): string {
  const [start, end] = [readme.indexOf(START), readme.indexOf(END)];
  if (start < 0 || end < start) throw new Error(`the README has no place for the support matrix (${START} … ${END})`);
  return readme.slice(0, start) + supportMatrix() + readme.slice(end + END.length);
}
