/** The peak rates of a WebGPU device: multiply-adds in registers, and copies and sums of buffers of several sizes. */

import { BufferUsage } from "../../../runtime/webgpu/device/flags.js";
import type { DevicePeaks } from "../engine.js";
import { DispatchClock } from "./dispatchClock.js";

const WORKGROUP = 256;
const GROUPS = 512;
/** Multiply-adds per component and invocation. */
const STEPS = 2048;
const READS = 16;
/** Buffer sizes in bytes. */
const SIZES = [1, 8, 64].map((mebibytes) => mebibytes * 2 ** 20);

/** A loop of multiply-adds whose sums do not depend on each other, so that latency does not count. */
interface Arithmetic {
  readonly type: "f32" | "vec4f";
  readonly sums: number;
  /** Multiply-adds per sum in the loop's body. */
  readonly unroll: number;
}

/** The best variant depends on the device's registers, instruction cache and width. */
const ARITHMETIC: readonly Arithmetic[] = [
  { type: "vec4f", sums: 2, unroll: 16 },
  { type: "vec4f", sums: 8, unroll: 8 },
  { type: "f32", sums: 12, unroll: 8 },
];

function arithmeticText({ type, sums, unroll }: Arithmetic): string {
  const each = (line: (i: number) => string): string => Array.from({ length: sums }, (_, i) => line(i)).join("\n");
  return `
@group(0) @binding(0) var<storage, read_write> result: array<${type}>;
@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(global_invocation_id) id: vec3u) {
  let a = 0.5 + f32(id.x) * 1e-7;
  let b = 0.25 + f32(id.x) * 1e-7;
  ${each((i) => `var s${i} = ${type}(${i}.0);`)}
  for (var i = 0u; i < ${STEPS / unroll}u; i++) {
    ${Array(unroll)
      .fill(each((i) => `s${i} = s${i} * a + b;`))
      .join("\n")}
  }
  result[id.x] = ${Array.from({ length: sums }, (_, i) => `s${i}`).join(" + ")};
}`;
}

const COPY = `
@group(0) @binding(0) var<storage, read_write> result: array<vec4f>;
@group(0) @binding(1) var<storage, read> source: array<vec4f>;
@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(global_invocation_id) id: vec3u) {
  result[id.x] = source[id.x];
}`;

/** Every invocation reads ${READS} vectors, coalesced with its neighbours, and writes one. */
const SUM = `
@group(0) @binding(0) var<storage, read_write> result: array<vec4f>;
@group(0) @binding(1) var<storage, read> source: array<vec4f>;
@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  var sum = vec4f();
  for (var i = 0u; i < ${READS}u; i++) {
    sum += source[id.x + i * groups.x * ${WORKGROUP}u];
  }
  result[id.x] = sum;
}`;

/** @param software whether the device is emulated on the CPU */
export async function webGpuPeaks(device: GPUDevice, software: boolean): Promise<DevicePeaks> {
  const size = Math.min(SIZES[SIZES.length - 1], device.limits.maxStorageBufferBindingSize);
  const [source, result] = ["source", "result"].map((label) =>
    device.createBuffer({ size, usage: BufferUsage.STORAGE, label }),
  );
  const clock = new DispatchClock(device, software);
  try {
    let gflopsPerSecond = 0;
    for (const arithmetic of ARITHMETIC) {
      const ms = await clock.time(arithmeticText(arithmetic), [result], GROUPS);
      const { type, sums } = arithmetic;
      const flops = GROUPS * WORKGROUP * STEPS * sums * (type === "f32" ? 1 : 4) * 2;
      gflopsPerSecond = Math.max(gflopsPerSecond, flops / ms / 1e6);
    }
    let gbPerSecond = 0;
    for (const bytes of SIZES.filter((each) => each <= size)) {
      const groups = bytes / 16 / WORKGROUP;
      const copy = await clock.time(COPY, [result, source], groups);
      const sum = await clock.time(SUM, [result, source], groups / READS);
      gbPerSecond = Math.max(gbPerSecond, (2 * bytes) / copy / 1e6, (bytes + bytes / READS) / sum / 1e6);
    }
    return { gflopsPerSecond, gbPerSecond };
  } finally {
    clock.dispose();
    source.destroy();
    result.destroy();
  }
}
