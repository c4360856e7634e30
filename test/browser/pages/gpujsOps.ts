/** Runs the cases of every op on gpu.js in WebGL2; bundled by `gpujs.test.ts`. Gives what is wrong, one line each. */

import type { Backend } from "../../../src/runtime/backend.js";
import { createGpujsBackend } from "../../../src/runtime/gpujs/index.js";
import { compare } from "../../../src/tensor/index.js";
import { CASES, opsWithoutCase } from "../../support/cases/index.js";

/** Executables of a model, of which the first is let go of: what they share must stay. @returns what is wrong */
async function runShared(backend: Backend): Promise<string[]> {
  const model = {};
  const cases = CASES.filter(({ types }) => types.includes("conv2d")).slice(0, 12);
  const wrong: string[] = [];
  for (const { name, build } of cases) {
    const { graph, inputs, expected } = build();
    const first = await backend.compile(graph, { model });
    await first.run(inputs);
    const second = await backend.compile(graph, { model });
    first.dispose();
    for (let turn = 0; turn < 2; turn++) {
      const [actual] = await second.run(inputs);
      const { nmse } = compare(actual, expected[0]);
      if (!(nmse < 1e-10)) wrong.push(`${name}, after another of the model was disposed of: nmse ${nmse}`);
    }
    second.dispose();
  }
  return wrong;
}

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
  wrong.push(...(await runShared(backend)));
  backend.dispose();
  return { cases: CASES.length, untested: opsWithoutCase(), wrong, adapter: backend.adapter };
}

Object.assign(globalThis, { runGpujsOps: run });
document.body.dataset.ops = "";
