/** Layers that nothing reads, which hand-edited models have: passes drop them, `tap` reads them all the same. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Backend } from "../../src/runtime/backend.js";
import { createCpuBackend } from "../../src/runtime/cpu/backend.js";
import { createGpujsBackend } from "../../src/runtime/gpujs/index.js";
import { compare } from "../../src/tensor/index.js";
import { parityBackends } from "../support/backends.js";
import { Blocks } from "../support/blocks.js";
import { randomTensor } from "../support/random.js";

const GPUJS = { name: "gpujs", open: () => createGpujsBackend({ importModule: () => import("gpu.js") }) };

describe.each([...parityBackends(), GPUJS])("$name", ({ open }) => {
  let backend: Backend | undefined;
  beforeAll(async () => {
    backend = await open();
  });
  afterAll(() => backend?.dispose());

  it("taps of a C3, an SPPF and a sum can be read even if nothing else reads them", async ({ skip }) => {
    if (!backend) return skip("no such device");
    const blocks = new Blocks();
    const x = blocks.input([1, 6, 12, 10]);
    const stem = blocks.conv("stem", x, 8);
    const c3 = blocks.c3("c3", stem, 16);
    blocks.sppf("sppf", c3, 8);
    blocks.builder.tap("sum", blocks.builder.add("add", "sum", [stem, stem], {}));
    const graph = blocks.finish([blocks.conv("out", stem, 4)]);
    const input = randomTensor([1, 6, 12, 10], 1);
    const names = [...graph.taps.keys()];
    const [executable, reference] = [await backend.compile(graph), await createCpuBackend().compile(graph)];
    const [actual, expected] = [await executable.tap(names, [input]), await reference.tap(names, [input])];
    for (const name of names) {
      const [a, e] = [actual.get(name), expected.get(name)];
      expect(a && e && compare(a, e).nmse, name).toBeLessThan(1e-10);
    }
    executable.dispose();
  });
});
