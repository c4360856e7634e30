/** Batches beyond a device's limits run in parts, with the same results. */

import { describe, expect, it } from "vitest";
import { LimitError } from "../../src/errors.js";
import type { Backend } from "../../src/runtime/backend.js";
import { createCpuBackend } from "../../src/runtime/cpu/backend.js";
import { seededRandom, tensor } from "../../src/tensor/index.js";
import { createMember, randomModel } from "../../src/yolov5/loadModel.js";
import { allRows } from "../../src/yolov5/output/rows.js";

/** The reference on a device that holds at most `most` pictures. */
function limited(most: number, compiled: number[]): Backend {
  const cpu = createCpuBackend();
  return {
    ...cpu,
    compile(graph, options) {
      const [n] = graph.values[graph.inputs[0]].shape;
      if (n > most) throw new LimitError(`test: ${n} pictures are more than ${most}`, { n, most });
      compiled.push(n);
      return cpu.compile(graph, options);
    },
  };
}

describe("batches beyond the device's limits", () => {
  const random = seededRandom(3);
  const input = tensor("float32", [5, 3, 32, 32], Float32Array.from({ length: 5 * 3 * 32 * 32 }, random));

  it("run in parts that fit, and give what one pass gives", async () => {
    const opened = randomModel("yolov5n");
    const whole = createMember(opened, createCpuBackend(), { path: "whole" });
    const compiled: number[] = [];
    const parts = createMember(opened, limited(2, compiled), { path: "parts" });
    const [wanted] = await whole.network.forward(input);
    const [actual] = await parts.network.forward(input);
    expect(actual.shape).toEqual(wanted.shape);
    expect(actual.data).toEqual(wanted.data);
    expect(Math.max(...compiled)).toBe(2);
    // The next batch is split at once, without asking for more than fits.
    const before = compiled.length;
    await parts.network.forward(input);
    expect(compiled.length).toBe(before);
    // From a backend that does not choose rows: all of them, those of each part after the other.
    expect(await parts.network.rows({ shape: input.shape, inputs: [input] }, 0.25)).toEqual(allRows([wanted]));
  });

  it("a single picture beyond them is an error that names the limit", async () => {
    const none = createMember(randomModel("yolov5n"), limited(0, []), { path: "none" });
    await expect(none.network.forward(input)).rejects.toThrow("1 pictures are more than 0");
  });
});
