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

export default defineConfig({
  plugins: [wgslText],
  test: {
    include: ["test/**/*.test.ts"],
    // npm run test:consumers: needs packages that are installed apart, or every compiler.
    exclude: ["**/node_modules/**", "test/consumers/**", "test/types/consumers.test.ts"],
    // Against hangs alone: a machine that is busy with other work takes many times as long.
    testTimeout: 600_000,
    hookTimeout: 600_000,
    pool: "forks",
    maxWorkers: 2,
  },
});
