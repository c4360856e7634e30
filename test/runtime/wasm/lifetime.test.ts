/** What the WASM backend leaves behind when it is disposed of: no timer that keeps a process alive, no thread. */

import { afterEach, describe, expect, it, vi } from "vitest";
import { createWasmBackend, type SpawnWorker } from "../../../src/runtime/wasm/index.js";

afterEach(() => vi.useRealTimers());

/** Threads that never answer, counted. */
function silent() {
  const alive = { threads: 0 };
  const spawn: SpawnWorker = () => {
    alive.threads++;
    return { post: () => undefined, terminate: () => alive.threads-- };
  };
  return { alive, spawn };
}

describe("dispose of the WASM backend", () => {
  it("ends the wait for threads that have not answered yet", async () => {
    vi.useFakeTimers();
    const { alive, spawn } = silent();
    const backend = await createWasmBackend({ threads: 3, spawn });
    expect(alive.threads).toBe(2);
    expect(vi.getTimerCount()).toBe(1);
    backend.dispose();
    expect(alive.threads).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("leaves no timer and no thread if opening fails", async () => {
    vi.useFakeTimers();
    const { alive, spawn } = silent();
    // A target is chosen after the threads were started.
    vi.stubGlobal("WebAssembly", { ...WebAssembly, Memory: WebAssembly.Memory, validate: () => false });
    try {
      await createWasmBackend({ threads: 2, spawn, instructions: "simd" }).then(
        (backend) => backend.dispose(),
        () => undefined,
      );
    } finally {
      vi.unstubAllGlobals();
    }
    expect(alive.threads).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("does not wait for a thread that died", async () => {
    vi.useFakeTimers();
    let die: (message: string) => void = () => undefined;
    const spawn: SpawnWorker = ({ onError }) => {
      die = onError;
      return { post: () => undefined, terminate: () => undefined };
    };
    const backend = await createWasmBackend({ threads: 2, spawn });
    die("killed");
    expect(vi.getTimerCount()).toBe(0);
    backend.dispose();
  });
});

describe("an unreasonable number of threads", () => {
  for (const threads of [17, 500, 1e9, Number.MAX_SAFE_INTEGER]) {
    it(`${threads} on one core: cut, with a note`, async () => {
      const { alive, spawn } = silent();
      const notes: string[] = [];
      const backend = await createWasmBackend({ threads, cores: 1, spawn, onNote: (note) => notes.push(note) });
      expect(alive.threads).toBe(15);
      expect(backend.adapter).toContain("16 threads");
      expect(notes).toEqual([`wasm: ${threads} threads are too many for this host; running with 16`]);
      backend.dispose();
    });
  }

  it("four per core are allowed", async () => {
    const { alive, spawn } = silent();
    const notes: string[] = [];
    const backend = await createWasmBackend({ threads: 256, cores: 64, spawn, onNote: (note) => notes.push(note) });
    expect(alive.threads).toBe(255);
    expect(notes).toEqual([]);
    backend.dispose();
  });
});
