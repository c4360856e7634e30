/** Whole networks in int8: the formats of the kernels and the TypeScript reference give the same bits. */

import { afterAll, describe, expect, it } from "vitest";
import { openWasm } from "../../../../src/node/wasm.js";
import { isInteger, optimize } from "../../../../src/ops/index.js";
import { createCpuBackend } from "../../../../src/runtime/cpu/backend.js";
import { createMember, openModel } from "../../../../src/yolov5/loadModel.js";
import { bitsOf, hashOf } from "./bits.js";
import { networkFiles, noise, outputsOf, quantizedFile } from "./quantizedNetworks.js";

const SIDE = 64;
const own = await openWasm({ threads: 1 });
afterAll(() => own.dispose());
const cpu = createCpuBackend();

/** Networks with ops whose sums have no order of their own: what comes behind those differs in its last bits. */
const ELSEWHERE = /transformer|^anchor-free/;

describe.each(networkFiles().map((file) => [file.name, file] as const))("%s", (name, file) => {
  it("is the same in every format", { timeout: 300_000 }, async () => {
    const bytes = await quantizedFile(file, own, SIDE);
    const hashes = new Map<string, string>();
    for (const integers of ["int16", "unsigned", "signed"] as const) {
      const backend = await openWasm({ threads: 1, integers });
      hashes.set(integers, hashOf(await outputsOf(bytes, backend, SIDE)));
      backend.dispose();
    }
    if (!ELSEWHERE.test(name)) hashes.set("reference", hashOf(await outputsOf(bytes, cpu, SIDE)));
    expect(new Set(hashes.values()).size, JSON.stringify([...hashes])).toBe(1);
  });

  it("has layers that equal the reference's, given the same inputs", { timeout: 300_000 }, async () => {
    const opened = openModel(await quantizedFile(file, own, SIDE), { path: "int8" });
    const { network } = createMember(opened, own, { path: "int8", dtype: "int8" });
    const built = network.build([1, 3, SIDE, SIDE]).graph;
    const graph = optimize(built);
    const integer = graph.nodes.filter(
      (node) => node.type === "conv2d" && isInteger(node.attrs, graph.values[node.inputs[1]].shape),
    );
    expect(integer.length).toBeGreaterThan(3);
    // Every value that such a layer reads or gives, as the kernels have it.
    const names = new Map(
      integer.flatMap(({ inputs, outputs }) => [...inputs, ...outputs]).map((id) => [`v${id}`, id]),
    );
    for (const [key, id] of names) if (graph.constants.has(id) || graph.inputs.includes(id)) names.delete(key);
    const input = noise(SIDE, 3);
    const executable = await own.compile({ ...graph, taps: names }, { dtype: "int8" });
    const values = await executable.tap([...names.keys()], [input]);
    executable.dispose();
    for (const { inputs, outputs, name: layer, type, attrs } of integer) {
      const constants = new Map(
        inputs.flatMap((id) => {
          const constant = graph.constants.get(id);
          return constant ? [[id, constant] as const] : [];
        }),
      );
      const given = inputs.filter((id) => !constants.has(id));
      const one = {
        ...graph,
        inputs: given,
        outputs,
        nodes: [{ type, name: layer, inputs, outputs, attrs }],
        constants,
        taps: new Map(),
      } as typeof graph;
      const operands = given.map((id) => values.get(`v${id}`) ?? input);
      const [expected] = await (await cpu.compile(one, { dtype: "int8" })).run(operands);
      const actual = values.get(`v${outputs[0]}`);
      expect(actual && bitsOf(actual), layer).toEqual(bitsOf(expected));
    }
  });
});
