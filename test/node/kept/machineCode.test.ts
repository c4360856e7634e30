/** Machine code of kernels that is kept between runs. */

import { execFileSync } from "node:child_process";
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Script } from "node:vm";
import { build } from "esbuild";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { i32, type ModuleBuilder } from "../../../src/kernels/wasm/emit/index.js";
import { buildModule, type Kernel, MAXIMUM_PAGES } from "../../../src/kernels/wasm/index.js";
import { keptFolder } from "../../../src/node/kept/keptFiles.js";
import { codeOf, withCode } from "../../../src/node/kept/machineCode.js";
import { filePreparedStore } from "../../../src/node/kept/preparedStore.js";
import type { PreparedStore } from "../../../src/runtime/wasm/index.js";
import { REPOSITORY } from "../../support/reference.js";

/** (func (export "f") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1))) */
const ADD = "0061736d0100000001060160017f017f0302010007050101660000" + "0a09010700200041016a0b";
const BYTES = new Uint8Array(Buffer.from(ADD, "hex"));
const TARGET = { simd: true, relaxed: false, shared: false };
const KEPT = ["20", "22", "24"].includes(process.versions.node.split(".")[0]);

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "yolov5-code-"));
  vi.stubEnv("YOLOV5_CACHE", folder);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

const functionsOf = (module: WebAssembly.Module): unknown[] => Object.values(new WebAssembly.Instance(module).exports);

/** A module whose code is optimised. */
async function warm(bytes = BYTES): Promise<{ compiled: WebAssembly.Module; functions: unknown[]; code: Uint8Array }> {
  const compiled = new WebAssembly.Module(bytes);
  const functions = functionsOf(compiled);
  const [add] = functions as ((n: number) => number)[];
  const code = await vi.waitFor(
    () => {
      for (let n = 0; n < 100_000; n++) add(n);
      const made = codeOf(compiled, functions);
      expect(made).toBeDefined();
      return made as Uint8Array;
    },
    { timeout: 30_000 },
  );
  return { compiled, functions, code };
}

/** A kernel as the engine emits them: counts its calls in memory. */
function emitted() {
  const define = (module: ModuleBuilder) =>
    module.define("count", 5, { inTable: true }, (f) => f.store(0, i32.add(i32.load(0), 1)));
  return buildModule(TARGET, [{ name: "count", define } as Kernel], 0);
}

async function optimize({ slots }: ReturnType<typeof emitted>, module: WebAssembly.Module): Promise<Uint8Array> {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: MAXIMUM_PAGES });
  const table = new WebAssembly.Table({ element: "anyfunc", initial: 1 });
  new WebAssembly.Instance(module, { env: { memory, table } });
  const [count] = [...slots.values()].map((slot) => table.get(slot) as () => void);
  return vi.waitFor(
    () => {
      for (let n = 0; n < 100_000; n++) count();
      const made = codeOf(module, [count]);
      expect(made).toBeDefined();
      return made as Uint8Array;
    },
    { timeout: 30_000 },
  );
}

/** A program that uses machine code on two threads, and then says whether V8's option is on. */
async function bundledHere(): Promise<string> {
  const entry = join(REPOSITORY, "src", "node", "kept", "machineCode.ts");
  const program = `
    import { Script } from "node:vm";
    import { isMainThread, Worker } from "node:worker_threads";
    import { withCode } from ${JSON.stringify(entry)};
    withCode(new Uint8Array(8), new Uint8Array(8));
    if (isMainThread) {
      const file = process.argv[1];
      await Promise.all([1, 2].map(() => new Promise((end) => new Worker(file, { execArgv: [] }).on("exit", end))));
      let on = true;
      try { new Script("%IsSmi(0)"); } catch { on = false; }
      console.log(on ? "on" : "off");
    }`;
  const outfile = join(folder, "natives.mjs");
  const stdin = { contents: program, resolveDir: REPOSITORY, loader: "ts" } as const;
  await build({ stdin, outfile, bundle: true, platform: "node", format: "esm", logLevel: "silent" });
  return outfile;
}

describe.runIf(KEPT)("machine code", () => {
  it("makes a module that computes the same, and is optimised from the start", async () => {
    const { code } = await warm();
    const other = BYTES.slice();
    const module = withCode(other, code);
    expect(module).toBeInstanceOf(WebAssembly.Module);
    const functions = functionsOf(module as WebAssembly.Module);
    const [add] = functions as ((n: number) => number)[];
    expect([add(1), add(41)]).toEqual([2, 42]);
    expect(codeOf(module as WebAssembly.Module, functions)).toBeDefined();
  });

  it("leaves V8's option for such functions as it was", async () => {
    const { code } = await warm();
    expect(withCode(BYTES, code)).toBeDefined();
    expect(() => new Script("%IsSmi(0)")).toThrow();
    const program = await bundledHere();
    const keeping = (...options: string[]): string =>
      execFileSync(process.execPath, [...options, program], { encoding: "utf8" }).trim();
    expect([keeping(), keeping("--allow-natives-syntax")]).toEqual(["off", "on"]);
  });

  it("is none before anything is optimised", () => {
    const module = new WebAssembly.Module(new Uint8Array(Buffer.from(ADD.replace("41016a", "41056a"), "hex")));
    expect(codeOf(module, functionsOf(module))).toBeUndefined();
    expect(codeOf(module, [])).toBeUndefined();
  });

  it.each([
    ["nothing", (code: Uint8Array) => code.subarray(0, 0)],
    ["code of another version", (code: Uint8Array) => code.map((byte, i) => (i === 5 ? byte ^ 1 : byte))],
    [
      "code for other flags or another processor",
      (code: Uint8Array) => code.map((byte, i) => (i === 12 ? byte ^ 1 : byte)),
    ],
  ])("is refused if it is %s", async (_, damage) => {
    const { code } = await warm();
    expect(withCode(BYTES, damage(code))).toBeUndefined();
  });

  it("is kept with its module, and again if there is more of it", async () => {
    const store = (): PreparedStore => filePreparedStore("kernels", undefined, "test") as PreparedStore;
    const kernel = emitted();
    const made = { bytes: kernel.bytes, slots: kernel.slots };
    const compiled = new WebAssembly.Module(made.bytes);
    const run = async (own: PreparedStore, runs: number): Promise<void> => {
      for (let i = 0; i < runs; i++) own.ran();
      await Promise.resolve();
    };
    const first = store();
    first.addKernels(made, Promise.resolve(compiled), "add", TARGET);
    await run(first, 1);
    expect(first.readKernels("add", TARGET)).toEqual({ ...made, compiled: undefined });
    const [name] = await readdir(keptFolder());
    const { size } = await stat(join(keptFolder(), name));
    const code = await optimize(kernel, compiled);
    await run(first, 6);
    expect((await stat(join(keptFolder(), name))).size).toBe(size);
    await run(first, 1);
    expect((await stat(join(keptFolder(), name))).size).toBe(size + code.length);
    const again = store();
    const read = again.readKernels("add", TARGET);
    expect(await read?.compiled).toBeInstanceOf(WebAssembly.Module);
    expect([read?.bytes, read?.slots]).toEqual([made.bytes, made.slots]);
    const before = await stat(join(keptFolder(), name));
    again.addKernels(made, Promise.resolve(compiled), "add", TARGET);
    await run(again, 100);
    expect((await stat(join(keptFolder(), name))).ino).toBe(before.ino);
    vi.stubEnv("NODE_OPTIONS", "--max-old-space-size=4000 --disable-wasm-trap-handler");
    expect(store().readKernels("add", TARGET)).toBeUndefined();
  });
});
