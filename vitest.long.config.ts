/** `npm run test:long`: what `npm test` leaves out because it takes long. */

import { defineConfig, mergeConfig } from "vitest/config";
import base, { LONG_FILES } from "./vitest.config.js";

// Lists are joined when configurations are merged, so the base's are replaced here.
export default mergeConfig(
  { ...base, test: { ...base.test, include: [], exclude: [] } },
  defineConfig({ test: { include: [...LONG_FILES] } }),
);
