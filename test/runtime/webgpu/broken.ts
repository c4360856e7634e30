/** Kernels that are wrong in one element of their output, to see whether a test notices. */

import { expect } from "vitest";
import { type KernelCall, pixelCount } from "../../../src/kernels/wgsl/index.js";
import type { Step } from "../../../src/runtime/webgpu/lower/plan.js";

/** What is added to the one element: ten times what the comparison allows for the deepest case, and little beside 1. */
const FAULT = 2e-3;

/** The kernel's text with a fault in element `index` of what it writes: the first number of a quad, or a number. */
function broken(call: KernelCall, index: number): KernelCall {
  const { source } = call.kernel;
  const faults: Readonly<Record<string, string>> = {
    Quad: `Quad(${FAULT}, 0.0, 0.0, 0.0)`,
    vec4u: "vec4u(1u, 0u, 0u, 0u)",
  };
  const [, type] = /var<storage, read_write> y: array<(\w+)>/.exec(source) ?? [];
  const text = source.replace(
    /y\[([^;{}]+?)\] =\s([^;]+);/g,
    `{ let faultAt = $1; let right = $2; y[faultAt] = select(right, right + ${faults[type] ?? FAULT}, faultAt == ${index}u); }`,
  );
  expect(text).not.toBe(source);
  return { ...call, kernel: { ...call.kernel, source: text } };
}

function lastElement({ operands }: Step): number {
  const y = operands[operands.length - 1];
  if (y.kind === "blocked") return (y.stored.quads - 1) * y.stored.plane + pixelCount(y.stored) - 1;
  return y.kind === "dense" ? y.elements - 1 : 0;
}

/** Steps of which one is wrong in the last pixel or number that it writes. */
export function withFault(steps: readonly Step[], index: number): Step[] {
  return steps.map((step, i) => (i === index ? { ...step, call: broken(step.call, lastElement(step)) } : step));
}
