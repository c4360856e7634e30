/** `npm run test:consumers`: the package among bundlers and runtimes that are installed for it. */

import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/consumers/*.test.ts"],
    globalSetup: "test/consumers/support/setup.ts",
    // Against hangs alone, as in vitest.config.ts.
    testTimeout: 600_000,
    hookTimeout: 600_000,
    pool: "forks",
    maxWorkers: 2,
  },
});
