/** Activations of 0, which approximations must not move. */

import { expect, it } from "vitest";
import { openWasm } from "../../../src/node/wasm.js";
import { GraphBuilder } from "../../../src/ops/index.js";
import { tensor } from "../../../src/tensor/index.js";

it.each(["simd", "relaxed", "scalar"] as const)("%s: activations map 0 to exactly 0", async (instructions) => {
  const backend = await openWasm({ instructions, threads: 1 });
  const builder = new GraphBuilder();
  const x = builder.input("x", { shape: [1, 5], dtype: "float32" });
  const kinds = [
    { kind: "tanh" },
    { kind: "elu", alpha: 1.5 },
    { kind: "gelu" },
    { kind: "mish" },
    { kind: "silu" },
  ] as const;
  const outputs = kinds.map((activation) => builder.add("activation", activation.kind, [x], { activation }));
  const executable = await backend.compile(builder.finish(outputs));
  for (const { data } of await executable.run([tensor("float32", [1, 5], new Float32Array(5))])) {
    expect(Array.from(data as Float32Array, Math.abs)).toEqual([0, 0, 0, 0, 0]);
  }
  executable.dispose();
  backend.dispose();
});
