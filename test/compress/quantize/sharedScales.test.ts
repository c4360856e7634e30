/** Which values get one scale, on a graph whose answer is plain, and what it is good for on a whole network. */

import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { scaleGroups } from "../../../src/compress/quantize/sharedScales.js";
import { load, quantize } from "../../../src/node.js";
import { GraphBuilder, optimize } from "../../../src/ops/index.js";
import { createCpuBackend } from "../../../src/runtime/cpu/backend.js";
import { createProgram } from "../../../src/runtime/wasm/index.js";
import { createMember, openModel } from "../../../src/yolov5/loadModel.js";
import { REPOSITORY } from "../../support/reference.js";

const CODES = join(REPOSITORY, "models", "codes.safetensors");

describe("scaleGroups", () => {
  it("joins values connected by concatenations, max pools and upsampling, and no others", () => {
    const b = new GraphBuilder();
    const input = (name: string, size: number) => b.input(name, { shape: [1, 4, size, size], dtype: "float32" });
    const [x, y, z, w] = [input("x", 4), input("y", 2), input("z", 4), input("w", 4)];
    const up = b.add("upsampleNearest", "up", [y], { scale: [2, 2] });
    const cat = b.add("concat", "cat", [up, x], { axis: 1 });
    const pool = b.add("maxPool2d", "pool", [z], {
      kernel: [3, 3],
      stride: [1, 1],
      padding: [1, 1],
      dilation: [1, 1],
      ceilMode: false,
    });
    const both = b.add("concat", "both", [pool, x], { axis: 1 });
    const scaled = b.add("scale", "scaled", [w], { factor: 2 });
    const groups = scaleGroups(b.finish([cat, both, scaled]));
    expect([...groups.keys()].sort((a, c) => a - c)).toEqual([x, y, z, up, cat, pool, both].sort((a, c) => a - c));
    expect(new Set(groups.values()).size).toBe(1);
  });
});

describe("a quantized network", () => {
  it("keeps concatenations, pools and upsampled maps in bytes", async () => {
    const model = await load(CODES, { backend: "wasm", threads: 1 });
    const data = Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => (i * 7919) % 256);
    const bytes = await quantize(model, [{ width: 64, height: 64, data }], { imgsz: [64, 64] });
    model.dispose();
    const path = "codes-int8.safetensors";
    const { network } = createMember(openModel(bytes, { path }), createCpuBackend(), { path });
    const graph = optimize(network.build([1, 3, 64, 64]).graph);
    const { lowering } = createProgram(graph, new Set(), 1, 0, "unsigned");
    const moving = graph.nodes.filter(({ type }) => /^(concat|maxPool2d|upsampleNearest)$/.test(type));
    expect(moving.length).toBeGreaterThan(10);
    const left = moving.filter(({ outputs }) => !lowering.integers.has(outputs[0])).map(({ name }) => name);
    expect(left).toEqual([]);
  });
});
