/** Batches beyond a device's limits run in parts, with the same results. */

import { describe, expect, it } from "vitest";
import { LimitError } from "../../src/errors.js";
import type { Backend } from "../../src/runtime/backend.js";
import { createCpuBackend } from "../../src/runtime/cpu/backend.js";
import { seededRandom, tensor } from "../../src/tensor/index.js";
import { createMember, randomModel } from "../../src/yolov5/loadModel.js";
import { allRows } from "../../src/yolov5/output/nms/rows.js";

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

  it("run in parts that fit, with the results of one pass", async () => {
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

  it("are also those beyond the host's memory, when compiling and running", async () => {
    const cpu = createCpuBackend();
    const opened = randomModel("yolov5n");
    const tooMuch = (): never => {
      throw new RangeError("Array buffer allocation failed");
    };
    const message = "cpu: Array buffer allocation failed: more than this host can hold; use a smaller imgsz";
    for (const backend of [
      { ...cpu, name: cpu.name, compile: async () => tooMuch() },
      {
        ...cpu,
        name: cpu.name,
        compile: async (...given: Parameters<Backend["compile"]>) => {
          const executable = await cpu.compile(...given);
          return Object.assign(Object.create(executable), {
            run: async () => tooMuch(),
            dispose: () => executable.dispose(),
          });
        },
      },
    ]) {
      const { network } = createMember(opened, backend as Backend, { path: "p" });
      const one = tensor("float32", [1, 3, 32, 32], new Float32Array(3 * 32 * 32));
      const error = await network.forward(one).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(LimitError);
      expect((error as Error).message).toContain(message);
    }
  });

  it("fail with the name of the limit if a single picture exceeds it", async () => {
    const none = createMember(randomModel("yolov5n"), limited(0, []), { path: "none" });
    await expect(none.network.forward(input)).rejects.toThrow("1 pictures are more than 0");
  });
});
