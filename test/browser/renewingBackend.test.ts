/** Calls that outlive their device: repeated on a new one, then on the fallback, in their order. */

import { expect, test } from "vitest";
import { RenewingBackend } from "../../src/browser/renewingBackend.js";
import { DeviceError, DeviceLostError, DisposedError, ShapeError } from "../../src/errors.js";
import { type Graph, GraphBuilder } from "../../src/ops/index.js";
import {
  type Backend,
  type CandidateOutputs,
  type Executable,
  FLOAT32_TENSORS,
  type PictureExecutable,
} from "../../src/runtime/backend.js";
import { createCpuBackend } from "../../src/runtime/cpu/backend.js";
import { type HostTensor, tensor } from "../../src/tensor/index.js";

/** x → x + x. */
function doubling(): Graph {
  const builder = new GraphBuilder();
  const x = builder.input("x", { shape: [1, 1, 2, 2], dtype: "float32" });
  const y = builder.add("add", "double", [x, x], {});
  return builder.finish([y]);
}

/** A backend whose next runs fail as told, and compute like the reference otherwise. */
function failing(failures: Error[]): Backend & { readonly log: string[] } {
  const reference = createCpuBackend();
  const log: string[] = [];
  return {
    name: "webgpu",
    adapter: "a test's",
    software: false,
    capabilities: FLOAT32_TENSORS,
    counters: () => undefined,
    log,
    async compile(graph, options) {
      const inner = await reference.compile(graph, options);
      log.push("compile");
      const run = async (inputs: readonly HostTensor[]): Promise<HostTensor[]> => {
        const failure = failures.shift();
        log.push(failure ? `fail ${failure.name}` : "run");
        if (failure) throw failure;
        return inner.run(inputs);
      };
      const executable: Executable = {
        run,
        tap: (names, inputs) => inner.tap(names, inputs),
        profile: (inputs) => inner.profile(inputs),
        memory: () => inner.memory(),
        dispose: () => inner.dispose(),
      };
      return executable;
    },
    dispose() {
      log.push("dispose");
    },
  };
}

const isLost = async (): Promise<boolean> => true;
const input = (value: number): HostTensor => tensor("float32", [1, 1, 2, 2], new Float32Array(4).fill(value));
const lost = (): Error => new DeviceLostError("webgpu: the device was lost");

test("after a lost device, the call runs again on the same backend, with a note", async () => {
  const notes: string[] = [];
  const inner = failing([lost()]);
  const backend = new RenewingBackend(inner, { isLost, onNote: (note) => notes.push(note) });
  const executable = await backend.compile(doubling());
  const [first, second] = await Promise.all([executable.run([input(1)]), executable.run([input(2)])]);
  expect([first[0].data[0], second[0].data[0]]).toEqual([2, 4]);
  expect(inner.log).toEqual(["compile", "fail DeviceLostError", "run", "run"]);
  expect(notes).toEqual(["the WebGPU device was lost; running again on a new one"]);
});

test("without a new device, the fallback is opened once for all plans and named in a note", async () => {
  const notes: string[] = [];
  const inner = failing([lost(), lost(), new DeviceError("webgpu: no adapter found"), lost()]);
  let opened = 0;
  const backend = new RenewingBackend(inner, {
    isLost,
    onNote: (note) => notes.push(note),
    fallback: async () => {
      opened++;
      return createCpuBackend();
    },
  });
  const [one, other] = [await backend.compile(doubling()), await backend.compile(doubling())];
  expect(backend.name).toBe("webgpu");
  const results = await Promise.all([one.run([input(1)]), one.run([input(2)]), other.run([input(3)])]);
  expect(results.map(([y]) => y.data[0])).toEqual([2, 4, 6]);
  expect(opened).toBe(1);
  expect(backend.name).toBe("cpu");
  expect(notes.filter((note) => /^WebGPU is gone \(webgpu: .*\); running on cpu$/.test(note))).toHaveLength(1);
  expect(inner.log.filter((entry) => entry === "dispose")).toHaveLength(1);
  expect(one.memory().liveSetBytes).toBeGreaterThan(0);
});

test("lost between two calls: the next one finds no adapter and uses the fallback", async () => {
  const inner = failing([new DeviceError("webgpu: no adapter found")]);
  const backend = new RenewingBackend(inner, { isLost, fallback: async () => createCpuBackend() });
  const executable = await backend.compile(doubling());
  expect((await executable.run([input(4)]))[0].data[0]).toBe(8);
  expect(backend.name).toBe("cpu");
});

test("a working device that rejects a call (a picture too large for it) is kept", async () => {
  const inner = failing([new DeviceError("webgpu: needs a buffer of 9 GB")]);
  const backend = new RenewingBackend(inner, { isLost: async () => false, fallback: async () => createCpuBackend() });
  const executable = await backend.compile(doubling());
  await expect(executable.run([input(1)])).rejects.toThrow("9 GB");
  expect((await executable.run([input(1)]))[0].data[0]).toBe(2);
  expect(backend.name).toBe("webgpu");
});

test("without a fallback, the second failure is reported; other errors are not retried", async () => {
  const inner = failing([lost(), new DeviceError("webgpu: no adapter found"), new ShapeError("wrong shape")]);
  const executable = await new RenewingBackend(inner, { isLost }).compile(doubling());
  await expect(executable.run([input(1)])).rejects.toThrow(new DeviceError("webgpu: no adapter found"));
  await expect(executable.run([input(1)])).rejects.toThrow(new ShapeError("wrong shape"));
  expect((await executable.run([input(1)]))[0].data[0]).toBe(2);
});

test("nothing is reopened after dispose", async () => {
  const inner = failing([lost()]);
  const backend = new RenewingBackend(inner, { isLost, fallback: async () => createCpuBackend() });
  const executable = await backend.compile(doubling());
  const call = executable.run([input(1)]);
  backend.dispose();
  await expect(call).rejects.toThrow(DisposedError);
  executable.dispose();
  await expect(executable.run([input(1)])).rejects.toThrow(DisposedError);
});

test("candidate rows come from the device, and are undefined on a fallback without them", async () => {
  const outputs: CandidateOutputs = { candidates: [], others: [] };
  const inner = failing([]);
  const choosing: Backend = {
    ...inner,
    compile: async (graph, options) => {
      const executable = await inner.compile(graph, options);
      let calls = 0;
      const runCandidates = async (): Promise<CandidateOutputs> => {
        if (calls++ > 0) throw new DeviceError("webgpu: no adapter found");
        return outputs;
      };
      return { ...executable, runCandidates, runPictures: () => executable.run([]) } satisfies PictureExecutable;
    },
  };
  const backend = new RenewingBackend(choosing, { isLost, fallback: async () => createCpuBackend() });
  const executable = (await backend.compile(doubling())) as PictureExecutable;
  expect(await executable.runCandidates({ inputs: [input(1)] }, 0.25)).toBe(outputs);
  expect(await executable.runCandidates({ inputs: [input(1)] }, 0.25)).toBeUndefined();
  expect((await executable.run([input(4)]))[0].data[0]).toBe(8);
  expect(backend.name).toBe("cpu");
});

test("a backend that cannot renew itself goes straight to the fallback, with a note that names it", async () => {
  const notes: string[] = [];
  const inner = { ...failing([new DeviceLostError("gpujs: the context is gone")]), name: "gpujs" as const };
  const backend = new RenewingBackend(inner, {
    renews: false,
    isLost: async () => false,
    onNote: (note) => notes.push(note),
    fallback: async () => createCpuBackend(),
  });
  const executable = await backend.compile(doubling());
  expect((await executable.run([input(3)]))[0].data[0]).toBe(6);
  expect(inner.log).toEqual(["compile", "fail DeviceLostError", "dispose"]);
  expect(notes).toEqual(["WebGL2 is gone (gpujs: the context is gone); running on cpu"]);
});
