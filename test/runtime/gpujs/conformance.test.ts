/** Every op of the gpu.js backend, in both of gpu.js's modes that Node has. WebGL2: `test/browser/gpujs.test.ts`. */

import { createGpujsBackend } from "../../../src/runtime/gpujs/index.js";
import { describeConformance } from "../../support/conformance.js";

for (const mode of ["webasm", "cpu"] as const) {
  describeConformance(`gpujs ${mode}`, () => createGpujsBackend({ importModule: () => import("gpu.js"), mode }));
}
