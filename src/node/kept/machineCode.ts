/**
 * The machine code that V8 has made of a WebAssembly module, as bytes and back. A module starts in slow code and is optimised while it
 * runs; with the code of an earlier run, it starts fast. Browsers keep such code themselves. Node has no call for it, but V8's
 * functions for its own tests do just that. V8 refuses code of another version, other flags or a processor with other
 * instructions. Source: V8, `runtime-test-wasm.cc`.
 */

import { setFlagsFromString } from "node:v8";
import { runInThisContext, Script } from "node:vm";
import { getEnvironmentData, setEnvironmentData } from "node:worker_threads";

/** Of Node, and processors, where this is known to work; V8 in Node 26 has no such functions. */
const TRIED = ["20", "22", "24"];
const PROCESSORS = ["x64", "arm64"];
const { node, electron, bun, deno } = process.versions as Partial<Record<string, string>>;
/** Whether this host is one of them. */
export const keepsCode =
  TRIED.includes(node?.split(".")[0] ?? "") &&
  PROCESSORS.includes(process.arch) &&
  [electron, bun, deno].every((other) => other === undefined);

/** Whether the user has switched on what `call` needs. */
function hasNatives(): boolean {
  try {
    new Script("%IsSmi(0)");
    return true;
  } catch {
    return false;
  }
}

/** Asked once for a thread and those that it starts: the option is the process's, and others may just be using it. */
const HAD_NATIVES = "yolov5-ts: V8's test functions";
const had = getEnvironmentData(HAD_NATIVES) ?? hasNatives();
setEnvironmentData(HAD_NATIVES, had);

/** @returns undefined where V8 has no such functions */
function call(program: string, ...given: readonly unknown[]): unknown {
  if (!keepsCode) return undefined;
  try {
    setFlagsFromString("--allow-natives-syntax");
    // Compiled anew by every call: V8 drops the code of functions that are seldom used, and could not read them again.
    return runInThisContext(program)(...given);
  } catch {
    return undefined;
  } finally {
    if (!had) setFlagsFromString("--no-allow-natives-syntax");
  }
}

/** V8 ends the process if it is asked for the code of a module without any. */
const CODE_OF = `(module, functions) =>
  functions.some((each) => %IsTurboFanFunction(each)) ? %SerializeWasmModule(module) : undefined`;
const WITH_CODE = "(code, bytes) => %DeserializeWasmModule(code, bytes)";

/**
 * What of a module is optimised by now; undefined where nothing is, or where that cannot be told.
 * @param functions some of an instance of the module, and nothing else
 */
export function codeOf(module: WebAssembly.Module, functions: readonly unknown[]): Uint8Array<ArrayBuffer> | undefined {
  const code = call(CODE_OF, module, functions);
  return code instanceof ArrayBuffer ? new Uint8Array(code) : undefined;
}

/**
 * A module that starts with its code. V8 does not check that they belong together.
 * @param code of `codeOf`, of the module with just these bytes
 * @returns undefined if this host cannot run it
 */
export function withCode(bytes: Uint8Array, code: Uint8Array): WebAssembly.Module | undefined {
  const module = call(WITH_CODE, code.slice().buffer, bytes);
  return module instanceof WebAssembly.Module ? module : undefined;
}
