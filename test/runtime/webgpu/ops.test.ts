/** Every op and every convolution kernel on the device against the float64 reference. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CONV_KERNELS, type WebGpuBackend } from "../../../src/runtime/webgpu/index.js";
import { allClose, compare } from "../../../src/tensor/index.js";
import { buildCase, CONV_CASES, convProblemOf, GROUP_CASES, type OpCase, OTHER_CASES } from "../../support/opCases.js";
import { openBackend, webgpuOrSkip } from "../../support/webgpu.js";

const gpu = await webgpuOrSkip();

/** Of float16 storage: inputs and weights are numbers of float16, what is written is rounded to them. */
const HALF = { nmse: 1e-6, relative: 1e-3, absolute: 1e-3 };
const FULL_PRECISION = { nmse: 1e-10, relative: 1e-5, absolute: 1e-5 };

async function check(backend: WebGpuBackend, opCase: OpCase, half = false): Promise<void> {
  const { graph, inputs, expected } = buildCase(opCase, 1, half);
  const executable = await backend.compile(graph, { dtype: half ? "float16" : "float32" });
  const limits = half ? HALF : FULL_PRECISION;
  try {
    const [actual] = await executable.run(inputs);
    const { maxAbs, nmse, worstIndex } = compare(actual, expected);
    const message = `${opCase.name}: max ${maxAbs} at ${worstIndex}, NMSE ${nmse}`;
    expect(nmse, message).toBeLessThanOrEqual(limits.nmse);
    const absolute = limits.absolute * Math.sqrt(opCase.depth);
    expect(allClose(actual, expected, limits.relative, absolute), message).toBe(true);
    // The second run must not depend on what the first one left in memory.
    const [again] = await executable.run(inputs);
    expect(compare(again, actual).maxAbs, opCase.name).toBe(0);
    // tap reads the same value on its own way.
    const tapped = (await executable.tap(["node"], inputs)).get("node");
    expect(tapped && compare(tapped, actual).maxAbs, opCase.name).toBe(0);
  } finally {
    executable.dispose();
  }
}

describe.skipIf(!gpu)("webgpu ops", () => {
  let backend: WebGpuBackend;
  beforeAll(async () => {
    if (gpu) backend = await openBackend(gpu);
  });
  afterAll(() => backend?.dispose());

  it.each([...OTHER_CASES, ...GROUP_CASES, ...CONV_CASES])("$name", (opCase) => check(backend, opCase));

  it.each([...OTHER_CASES, ...GROUP_CASES, ...CONV_CASES])("float16: $name", (opCase) =>
    backend.capabilities.dtypes.includes("float16") ? check(backend, opCase, true) : undefined,
  );
});

/**
 * Kernels with shapes baked in compile anew for every case, and the direct one is long: software adapters take seconds, so
 * these get a few cases unless YOLOV5_FULL=1.
 */
const SLOW = /tiled|1x1|direct|winograd/;
const SHORT: ReadonlySet<OpCase> = new Set([1, 3, 5, 13].map((i) => CONV_CASES[i]));
const FULL = process.env.YOLOV5_FULL === "1";

describe.skipIf(!gpu).each([...CONV_KERNELS])("%s", (name, kernel) => {
  let backend: WebGpuBackend;
  beforeAll(async () => {
    if (gpu) backend = await openBackend(gpu, { convKernel: name });
  });
  afterAll(() => backend?.dispose());

  const supported = [...CONV_CASES, ...GROUP_CASES].filter((opCase) => kernel.supports(convProblemOf(opCase)));
  const cases = FULL || !SLOW.test(name) ? supported : supported.filter((opCase) => SHORT.has(opCase));
  it.each(cases)("$name", (opCase) => check(backend, opCase));
  it.each(FULL ? cases : cases.slice(0, SLOW.test(name) ? 1 : 2))("float16: $name", (opCase) =>
    backend.capabilities.dtypes.includes("float16") ? check(backend, opCase, true) : undefined,
  );
});
