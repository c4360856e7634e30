/** `npm run test:consumers`: the package among compilers, bundlers and runtimes. */

import { defineConfig } from "vitest/config";
import { wgslText } from "./vitest.config.js";

export default defineConfig({
  plugins: [wgslText],
  test: {
    include: ["test/consumers/*.test.ts", "test/types/consumers.test.ts"],
    globalSetup: "test/consumers/support/setup.ts",
    // Against hangs alone, as in vitest.config.ts.
    testTimeout: 600_000,
    hookTimeout: 600_000,
    pool: "forks",
    maxWorkers: 2,
  },
});
