import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { defineConfig } from "vitest/config";

/** Imports of `*.wgsl` files give their text, as the build's text loader does. */
export const wgslText = {
  name: "wgsl-text",
  async load(id: string): Promise<string | undefined> {
    if (!id.endsWith(".wgsl")) return undefined;
    return `export default ${JSON.stringify(await readFile(id, "utf8"))};`;
  },
};

/** Files that take as long as all others together: `npm run test:long`. */
export const LONG_FILES: readonly string[] = JSON.parse(
  readFileSync(new URL("./test/long.json", import.meta.url), "utf8"),
);

/** A run of files that are named leaves none of them out. */
const named = process.argv.slice(2).some((word) => word.startsWith("test/"));

export default defineConfig({
  plugins: [wgslText],
  test: {
    include: ["test/**/*.test.ts"],
    // npm run test:consumers: needs packages that are installed apart, or every compiler.
    exclude: [
      ...["**/node_modules/**", "test/consumers/**", "test/types/consumers.test.ts"],
      ...(named || process.env.YOLOV5_FULL === "1" ? [] : LONG_FILES),
    ],
    // Against hangs alone: a machine that is busy with other work takes many times as long.
    testTimeout: 600_000,
    hookTimeout: 600_000,
    pool: "forks",
    maxWorkers: 2,
  },
});
