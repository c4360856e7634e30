/** Runs the cases of every op on gpu.js in WebGL2; bundled by `gpujs.test.ts`. Gives what is wrong, one line each. */

import { createGpujsBackend } from "../../../src/runtime/gpujs/index.js";
import { compare } from "../../../src/tensor/index.js";
import { CASES, opsWithoutCase } from "../../support/cases/index.js";

async function run(): Promise<{ cases: number; untested: string[]; wrong: string[]; adapter: string }> {
  const backend = await createGpujsBackend({ importModule: () => import("gpu.js"), mode: "webgl2" });
  const wrong: string[] = [];
  for (const testCase of CASES) {
    const { graph, inputs, expected } = testCase.build();
    const executable = await backend.compile(graph);
    const got = await executable.run(inputs);
    got.forEach((actual, i) => {
      const { nmse, maxAbs } = compare(actual, expected[i]);
      if (!(nmse < 1e-10)) wrong.push(`${testCase.name}, output ${i}: nmse ${nmse}, largest difference ${maxAbs}`);
    });
    executable.dispose();
  }
  backend.dispose();
  return { cases: CASES.length, untested: opsWithoutCase(), wrong, adapter: backend.adapter };
}

Object.assign(globalThis, { runGpujsOps: run });
document.body.dataset.ops = "";
