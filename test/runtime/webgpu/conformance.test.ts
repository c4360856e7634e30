/** Every op of the WebGPU backend, in float32 and in float16. The convolution kernels one by one: `convKernels.test.ts`. */

import { describeConformance, FLOAT16_LIMITS, WEBGPU_LIMITS } from "../../support/conformance.js";
import { openBackend, webgpuOrSkip } from "../../support/webgpu.js";

const gpu = await webgpuOrSkip();
const open = gpu && (() => openBackend(gpu));

describeConformance("webgpu", open, WEBGPU_LIMITS);
describeConformance("webgpu float16", open, FLOAT16_LIMITS, "float16");
