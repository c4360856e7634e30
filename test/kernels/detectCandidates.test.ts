/** The kernel that packs candidates writes nothing beyond its slots, also when there are more candidates than slots. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { detectCandidatesCall, paramsBytes, storedBytes, storedTensor } from "../../src/kernels/wgsl/index.js";
import { DeviceContext } from "../../src/runtime/webgpu/device/deviceContext.js";
import { BufferUsage, MapMode } from "../../src/runtime/webgpu/device/flags.js";
import { PipelineCache } from "../../src/runtime/webgpu/device/pipelineCache.js";
import { webgpuOrSkip } from "../support/webgpu.js";

const gpu = await webgpuOrSkip();

const PATTERN = 0xdeadbeef;
const USAGE = BufferUsage.STORAGE | BufferUsage.COPY_DST | BufferUsage.COPY_SRC;
const [PICTURES, ANCHORS, OUTPUTS, HEIGHT, WIDTH] = [2, 3, 7, 5, 9];
const ROWS = ANCHORS * HEIGHT * WIDTH;

/** Words, and some beyond them to the end of the buffer. */
const pattern = (words: number): Uint32Array<ArrayBuffer> =>
  new Uint32Array(Math.ceil(words / 4) * 4 + 1024).fill(PATTERN);

describe.skipIf(!gpu)("detect_candidates", () => {
  let context: DeviceContext;
  let pipelines: PipelineCache;
  beforeAll(async () => {
    if (!gpu) return;
    context = await DeviceContext.create({ gpu });
    pipelines = new PipelineCache(context);
  });
  afterAll(() => context?.dispose());

  function buffer(data: Uint32Array<ArrayBuffer> | Uint8Array<ArrayBuffer> | Float32Array<ArrayBuffer>, usage = USAGE) {
    const made = context.createBuffer(data.byteLength, usage, "guarded");
    context.device.queue.writeBuffer(made, 0, data);
    return made;
  }

  async function read(from: GPUBuffer): Promise<Uint32Array> {
    const staging = context.createBuffer(from.size, BufferUsage.MAP_READ | BufferUsage.COPY_DST, "staging");
    const encoder = context.device.createCommandEncoder();
    encoder.copyBufferToBuffer(from, 0, staging, 0, from.size);
    context.device.queue.submit([encoder.finish()]);
    await staging.mapAsync(MapMode.READ);
    const words = new Uint32Array(staging.getMappedRange()).slice();
    staging.destroy();
    return words;
  }

  it.each([
    [4, false],
    [ROWS, false],
    [ROWS + 20, false],
    [4, true],
    [ROWS, true],
  ])("with %i slots per picture, half %s", async (capacity, half) => {
    if (half && !context.device.features.has("shader-f16")) return;
    const input = storedTensor(PICTURES, ANCHORS * OUTPUTS, HEIGHT, WIDTH, half ? 8 : 16);
    const level = {
      input,
      anchors: ANCHORS,
      outputs: OUTPUTS,
      maskCoefficients: 0,
      rows: ROWS,
      firstRow: 0,
      stride: 8,
    };
    // All logits are 0: every row has objectness and classes of a half.
    const call = detectCandidatesCall(level, capacity, 0.2);
    const found = buffer(pattern(PICTURES * (1 + capacity)).fill(0, 0, PICTURES));
    const y = buffer(pattern(PICTURES * capacity * OUTPUTS));
    const params = call.params && paramsBytes(call.kernel, call.params);
    if (!params) throw new Error("the kernel has parameters");
    const resources = [
      { buffer: buffer(new Uint8Array(storedBytes(input))) },
      { buffer: buffer(Float32Array.of(10, 13, 16, 30, 33, 23)) },
      { buffer: found },
      { buffer: y },
      { buffer: buffer(params, BufferUsage.UNIFORM | BufferUsage.COPY_DST) },
    ];
    const pipeline = await pipelines.pipeline(call, new Set());
    const layout = pipelines.layout(call, new Set());
    const encoder = context.device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    const entries = resources.map((resource, binding) => ({ binding, resource }));
    pass.setBindGroup(0, context.device.createBindGroup({ layout, entries }));
    pass.dispatchWorkgroups(...call.workgroups);
    pass.end();
    context.device.queue.submit([encoder.finish()]);

    const [words, rows] = [await read(found), await read(y)];
    const used = Math.min(capacity, ROWS);
    expect([...words.subarray(0, PICTURES)]).toEqual([ROWS, ROWS]);
    for (let n = 0; n < PICTURES; n++) {
      const first = PICTURES + n * capacity;
      const numbers = [...words.subarray(first, first + used)];
      expect(new Set(numbers).size).toBe(used);
      expect(Math.max(...numbers)).toBeLessThan(ROWS);
      const unused = words.subarray(first + used, first + capacity);
      const slots = rows.subarray(n * capacity * OUTPUTS, (n + 1) * capacity * OUTPUTS);
      expect(slots.subarray(0, used * OUTPUTS).includes(PATTERN)).toBe(false);
      expect(unused.every((word) => word === PATTERN)).toBe(true);
      expect(slots.subarray(used * OUTPUTS).every((word) => word === PATTERN)).toBe(true);
    }
    expect(words.subarray(PICTURES * (1 + capacity)).every((word) => word === PATTERN)).toBe(true);
    expect(rows.subarray(PICTURES * capacity * OUTPUTS).every((word) => word === PATTERN)).toBe(true);
  });
});
