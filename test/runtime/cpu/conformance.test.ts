/** Every op of the reference backend: float32 at its ends, float64 between. */

import { createCpuBackend } from "../../../src/runtime/cpu/backend.js";
import { describeConformance } from "../../support/conformance.js";

describeConformance("cpu", async () => createCpuBackend());
