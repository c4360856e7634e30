/** Modules of kernels in files, and the machine code that they have got so far. */

import type { PreparedStore } from "../../runtime/wasm/index.js";
import { sha256 } from "../files/sha256.js";
import { keep, keptByUserAlone, readKept } from "./keptFiles.js";
import { codeOf, withCode } from "./machineCode.js";

type KernelStore = Pick<PreparedStore, "readKernels" | "writeKernels">;
type Target = Parameters<KernelStore["writeKernels"]>[2];

/** A file: bytes of its head, the head, the module, machine code if there is any. */
const HEAD_AT = 4;
interface Head {
  readonly slots: readonly (readonly [name: string, slot: number])[];
  readonly moduleBytes: number;
}

/** @param kind of build and machine */
export function keptKernels(kind: (target: Target) => string): KernelStore {
  /** Bytes of machine code in files. */
  const kept = new Map<string, number>();
  // `--disable-wasm-trap-handler` changes what machine code relies on, and V8, which looks at its own options, does not see it.
  const given = [...process.execArgv, ...(process.env.NODE_OPTIONS ?? "").split(" ")];
  const options = given.filter((option) => /^--\S*wasm/.test(option));
  const nameOf = (kernels: string, target: Target): string => sha256(`${kind(target)} ${options} ${kernels}`);
  return {
    readKernels(kernels, target) {
      const name = nameOf(kernels, target);
      const contents = readKept(name);
      if (!contents) return undefined;
      const [headBytes] = new Uint32Array(contents.buffer, 0, 1);
      const at = HEAD_AT + headBytes;
      const head: Head = JSON.parse(new TextDecoder().decode(contents.subarray(HEAD_AT, at)));
      const end = at + head.moduleBytes;
      const module = { slots: new Map(head.slots), bytes: contents.subarray(at, end) };
      const code = contents.subarray(end);
      const compiled = code.length > 0 ? withCode(module.bytes, code) : undefined;
      kept.set(name, compiled ? code.length : 0);
      return { ...module, compiled };
    },
    writeKernels({ bytes, slots, compiled, functions }, kernels, target) {
      const name = nameOf(kernels, target);
      const code = (keptByUserAlone && codeOf(compiled, functions)) || new Uint8Array();
      if (code.length <= (kept.get(name) ?? -1)) return;
      kept.set(name, code.length);
      const head: Head = { slots: [...slots], moduleBytes: bytes.length };
      const text = new TextEncoder().encode(JSON.stringify(head));
      keep(name, [new Uint8Array(Uint32Array.of(text.length).buffer), text, bytes, code]);
    },
  };
}
