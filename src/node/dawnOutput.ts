/**
 * Dawn's warnings, kept off standard error.
 *
 * Its native code writes them to file descriptor 2, whatever `process.stderr` is. Node can close and open descriptors, but between the
 * two another thread could open a file that becomes "standard error", and sockets and shared file positions would be lost. So
 * the descriptor is exchanged with dup2, which does it in one step and leaves what it stands for as it was.
 */

import { closeSync, openSync, readFileSync, unlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getEnvironmentData, isMainThread, setEnvironmentData } from "node:worker_threads";
import { importOptional } from "../optionalPackage.js";
import type { AdapterSource } from "../runtime/webgpu/device/findAdapter.js";

/** What the C library calls `dup`, `dup2` and `close`. -1 means failure. */
export interface Descriptors {
  dup(descriptor: number): number;
  dup2(from: number, to: number): number;
  close(descriptor: number): number;
}

const STANDARD_ERROR = 2;

/** How Dawn begins a line that says nothing is wrong, and where in its code that was: indented lines, and an empty one. Errors pass. */
const WARNING = /^(?:Debug|Info|Warning): .*\n?(?:[ \t]+at .*\n?)*(?:(?<=[ \t]at .*\n)\n)?/gm;

/** Passed to threads that are started later: the main thread has the package, too. */
const LOADED = "yolov5-ts: ffi-rs is loaded";

/**
 * @returns undefined if the C library cannot be called here: another platform, the optional package is missing, or the thread is
 * not the main one and `prepareThreads` was not called before it began. A package that ends with the last thread that has it would
 * take down the process with the next one that loads it.
 */
export async function openDescriptors(): Promise<Descriptors | undefined> {
  if (process.platform !== "linux" || (!isMainThread && getEnvironmentData(LOADED) !== true)) return undefined;
  try {
    const { open, define, DataType } = await importOptional<typeof import("ffi-rs")>("ffi-rs");
    const library = "this process";
    open({ library, path: "" });
    const retType = DataType.I32;
    const { dup, dup2, close } = define({
      dup: { library, retType, paramsType: [DataType.I32] },
      dup2: { library, retType, paramsType: [DataType.I32, DataType.I32] },
      close: { library, retType, paramsType: [DataType.I32] },
    });
    if (isMainThread) setEnvironmentData(LOADED, true);
    return {
      dup: (descriptor) => dup([descriptor]),
      dup2: (from, to) => dup2([from, to]),
      close: (descriptor) => close([descriptor]),
    };
  } catch {
    return undefined;
  }
}

/**
 * Calls `work` and drops the warnings that native code writes to standard error in the meantime; all else that is written appears
 * when it returns.
 * @param work must not be asynchronous: only what it writes before it returns is looked at.
 */
export function withoutWarnings<T>(
  descriptors: Descriptors,
  work: () => T,
  say = (text: string): unknown => process.stderr.write(text),
): T {
  const kept = exchange(descriptors);
  if (kept === undefined) return work();
  try {
    return work();
  } finally {
    const text = kept.restore().replace(WARNING, "");
    if (text !== "") say(text);
  }
}

/**
 * Puts a file in the place of standard error.
 * @returns what puts it back and says what was written; undefined if it cannot be done, or if another thread of this process has
 * just done so: of two, the last could put back the file of the first.
 */
function exchange(descriptors: Descriptors): { restore(): string } | undefined {
  // Its name is the process's, so that only one thread can create it. The file goes with the process, whatever ends it.
  const path = join(tmpdir(), `yolov5-ts-stderr-${process.pid}`);
  let file: number;
  try {
    file = openSync(path, "wx+", 0o600);
  } catch {
    return undefined;
  }
  const release = (): void => {
    closeSync(file);
    unlinkSync(path);
  };
  const original = descriptors.dup(STANDARD_ERROR);
  if (original < 0 || descriptors.dup2(file, STANDARD_ERROR) < 0) {
    if (original >= 0) descriptors.close(original);
    release();
    return undefined;
  }
  return {
    restore: () => {
      descriptors.dup2(original, STANDARD_ERROR);
      descriptors.close(original);
      const written = readFileSync(path, "utf8");
      release();
      return written;
    },
  };
}

/** Lets threads that are started from now on keep Dawn quiet. To be called before them, on the main thread. */
export async function prepareThreads(): Promise<void> {
  if (isMainThread && !process.env.DEBUG) await openDescriptors();
}

/** `gpu`, but without Dawn's warnings when it looks for adapters; unchanged with `DEBUG` set or if that is not possible. */
export async function quietGpu(gpu: AdapterSource): Promise<AdapterSource> {
  const descriptors = process.env.DEBUG ? undefined : await openDescriptors();
  if (descriptors === undefined) return gpu;
  return { requestAdapter: (options) => withoutWarnings(descriptors, () => gpu.requestAdapter(options)) };
}
