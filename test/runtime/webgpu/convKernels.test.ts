/** Every convolution kernel on the device against the float64 reference, whatever the chooser would take. */

import { afterAll, beforeAll, describe, it } from "vitest";
import { CONV_KERNELS, type WebGpuBackend } from "../../../src/runtime/webgpu/index.js";
import { CONV_CASES, caseOf, convProblemOf, GROUP_CASES, type OpCase } from "../../support/cases/index.js";
import { checkCase, FLOAT16_LIMITS, WEBGPU_LIMITS } from "../../support/conformance.js";
import { FULL } from "../../support/full.js";
import { openBackend, webgpuOrSkip } from "../../support/webgpu.js";

const gpu = await webgpuOrSkip();

/**
 * Kernels with shapes baked in compile anew for every case, and the direct one is long: software adapters take seconds, so
 * these get a few cases unless YOLOV5_FULL=1.
 */
const SLOW = /tiled|1x1|direct|winograd/;
const SHORT: ReadonlySet<OpCase> = new Set([1, 3, 5, 13].map((i) => CONV_CASES[i]));

describe.skipIf(!gpu).each([...CONV_KERNELS])("%s", (name, kernel) => {
  let backend: WebGpuBackend;
  beforeAll(async () => {
    if (gpu) backend = await openBackend(gpu, { convKernel: name });
  });
  afterAll(() => backend?.dispose());

  const supported = [...CONV_CASES, ...GROUP_CASES].filter((opCase) => kernel.supports(convProblemOf(opCase)));
  const cases = FULL || !SLOW.test(name) ? supported : supported.filter((opCase) => SHORT.has(opCase));
  it.each(cases)("$name", (opCase) => checkCase(backend, caseOf(opCase), WEBGPU_LIMITS));
  it.for(FULL ? cases : cases.slice(0, SLOW.test(name) ? 1 : 2))("float16: $name", async (opCase, { skip }) => {
    if (!backend.capabilities.dtypes.includes("float16")) return skip("no float16 here");
    await checkCase(backend, caseOf(opCase), FLOAT16_LIMITS, "float16");
  });
});
