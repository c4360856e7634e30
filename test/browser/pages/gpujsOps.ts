/** Runs the cases of every op on gpu.js in WebGL2; bundled by `gpujs.test.ts`. Gives what is wrong, one line each. */

import { OPS } from "../../../src/ops/index.js";
import { createGpujsBackend } from "../../../src/runtime/gpujs/index.js";
import { compare } from "../../../src/tensor/index.js";
import { ACTIVATIONS, CONV_CASES, expected, graphCase, nodeTypes, OP_CASES } from "../../runtime/wasm/cases.js";

const activations = graphCase("activations", [[1, 6, 4, 5]], (b, [x]) =>
  ACTIVATIONS.map((activation) => b.add("activation", activation.kind, [x], { activation })),
);
const cases = [...CONV_CASES, ...OP_CASES, activations];

async function run(): Promise<{ cases: number; untested: string[]; wrong: string[]; adapter: string }> {
  const backend = await createGpujsBackend({ importModule: () => import("gpu.js"), mode: "webgl2" });
  const wrong: string[] = [];
  for (const testCase of cases) {
    const executable = await backend.compile(testCase.graph);
    const wanted = expected(testCase);
    const got = await executable.run(testCase.inputs);
    got.forEach((actual, i) => {
      const { nmse, maxAbs } = compare(actual, wanted[i]);
      if (!(nmse < 1e-10)) wrong.push(`${testCase.name}, output ${i}: nmse ${nmse}, largest difference ${maxAbs}`);
    });
    executable.dispose();
  }
  backend.dispose();
  const tested = nodeTypes(cases);
  const untested = Object.keys(OPS).filter((type) => !tested.has(type as keyof typeof OPS));
  return { cases: cases.length, untested, wrong, adapter: backend.adapter };
}

Object.assign(globalThis, { runGpujsOps: run });
document.body.dataset.ops = "";
