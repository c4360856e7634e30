/** Modules of kernels in files, and the machine code that they have got so far. */

import { MAXIMUM_PAGES } from "../../kernels/wasm/index.js";
import type { PreparedStore } from "../../runtime/wasm/index.js";
import { sha256 } from "../files/sha256.js";
import { keep, keptByUserAlone, readKept } from "./keptFiles.js";
import { codeOf, keepsCode, withCode } from "./machineCode.js";

type KernelStore = Pick<PreparedStore, "readKernels" | "addKernels" | "ran">;
type KernelModule = Parameters<KernelStore["addKernels"]>[0];
type Target = Parameters<KernelStore["addKernels"]>[3];

/** A file: bytes of its head, the head, the module, machine code if there is any. */
const HEAD_AT = 4;
interface Head {
  readonly slots: readonly (readonly [name: string, slot: number])[];
  readonly moduleBytes: number;
}

/** Runs with a module after which it is written, with what is optimised by then: most of it by the first. */
const WRITTEN_AFTER: readonly number[] = [1, 8, 64];

/** A module that runs. */
interface Running {
  readonly name: string;
  readonly made: KernelModule;
  readonly module: Promise<WebAssembly.Module>;
  readonly target: Target;
  runs: number;
}

/** @param kind of build and machine */
export function keptKernels(kind: (target: Target) => string): KernelStore {
  /** Bytes of machine code in files. */
  const kept = new Map<string, number>();
  let running: Running[] = [];
  // It changes what machine code relies on, and V8, which looks at its own options, does not see it.
  const bounds = `${process.execArgv} ${process.env.NODE_OPTIONS}`.includes("disable-wasm-trap-handler");
  const nameOf = (kernels: string, target: Target): string => sha256(`${kind(target)} ${bounds} ${kernels}`);
  const write = (name: string, { bytes, slots }: KernelModule, code: Uint8Array): void => {
    if (code.length <= (kept.get(name) ?? -1)) return;
    kept.set(name, code.length);
    const head: Head = { slots: [...slots], moduleBytes: bytes.length };
    const text = new TextEncoder().encode(JSON.stringify(head));
    keep(name, [new Uint8Array(Uint32Array.of(text.length).buffer), text, bytes, code]);
  };
  return {
    readKernels(kernels, target) {
      const name = nameOf(kernels, target);
      const file = parsed(readKept(name));
      if (!file) return undefined;
      const { bytes, slots, code } = file;
      const compiled = code.length > 0 ? withCode(bytes, code) : undefined;
      kept.set(name, compiled ? code.length : 0);
      return { bytes, slots, compiled: compiled && Promise.resolve(compiled) };
    },
    addKernels(made, module, kernels, target) {
      running.push({ name: nameOf(kernels, target), made, module, target, runs: 0 });
    },
    ran() {
      if (running.length === 0) return;
      for (const entry of running) {
        const { name, made, module, target } = entry;
        if (!WRITTEN_AFTER.includes(++entry.runs)) continue;
        module.then((compiled) => write(name, made, optimized(compiled, made, target))).catch(() => undefined);
      }
      running = running.filter(({ runs }) => runs < Math.max(...WRITTEN_AFTER));
    },
  };
}

/** Undefined for what is no file of kernels. */
function parsed(
  contents: Uint8Array<ArrayBuffer> | undefined,
): (KernelModule & { readonly code: Uint8Array }) | undefined {
  if (!contents) return undefined;
  try {
    const [headBytes] = new Uint32Array(contents.buffer, 0, 1);
    const at = HEAD_AT + headBytes;
    const head: Head = JSON.parse(new TextDecoder().decode(contents.subarray(HEAD_AT, at)));
    const end = at + head.moduleBytes;
    return { slots: new Map(head.slots), bytes: contents.subarray(at, end), code: contents.subarray(end) };
  } catch {
    return undefined;
  }
}

/** Machine code as far as there is any. */
function optimized(module: WebAssembly.Module, { slots }: KernelModule, { shared }: Target): Uint8Array<ArrayBuffer> {
  const none = new Uint8Array();
  if (!keptByUserAlone || !keepsCode) return none;
  try {
    // All instances of a module have the same code.
    const memory = new WebAssembly.Memory({ initial: 1, maximum: MAXIMUM_PAGES, shared });
    const table = new WebAssembly.Table({ element: "anyfunc", initial: 1 + Math.max(...slots.values()) });
    new WebAssembly.Instance(module, { env: { memory, table } });
    return (
      codeOf(
        module,
        [...slots.values()].map((slot) => table.get(slot)),
      ) ?? none
    );
  } catch {
    // No room for a further memory.
    return none;
  }
}
