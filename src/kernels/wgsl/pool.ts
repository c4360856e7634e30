/** Descriptors of `max_pool2d.wgsl` and `global_average_pool.wgsl`. */

import type { OpAttributes } from "../../ops/attributes.js";
import { sizeWords, windowWords } from "./convProblem.js";
import averageSource from "./global_average_pool.wgsl";
import { defineKernel, foldWorkgroups, type KernelCall } from "./kernel.js";
import maxSource from "./max_pool2d.wgsl";
import { pixelCount, type Stored } from "./stored.js";

const maxPool = defineKernel("max_pool2d", maxSource, { x: "read", y: "write" });
const averagePool = defineKernel("global_average_pool", averageSource, { x: "read", y: "write" });

export function maxPool2dCall(input: Stored, output: Stored, attrs: OpAttributes["maxPool2d"]): KernelCall {
  return {
    kernel: maxPool,
    overrides: {},
    params: { uints: [...sizeWords({ input, output }), ...windowWords(attrs)] },
    workgroups: foldWorkgroups(Math.ceil(pixelCount(output) / 64), output.quads),
  };
}

export function globalAveragePoolCall(input: Stored, output: Stored): KernelCall {
  return {
    kernel: averagePool,
    overrides: {},
    params: { uints: [input.height * input.width, input.plane, output.plane, input.pictures] },
    workgroups: foldWorkgroups(input.pictures, input.quads),
  };
}
