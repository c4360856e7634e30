/** Choosing a backend in Node when WebGPU is absent, refuses, or is software. Dawn is replaced by stubs here. */

import { afterEach, describe, expect, it, vi } from "vitest";
import { DeviceError, OptionError } from "../../src/errors.js";
import { openBackend } from "../../src/node/backends.js";
import type { BackendChoice } from "../../src/runtime/backend.js";
import { rejection } from "./server.js";

const stub = vi.hoisted(() => ({ requestAdapter: async (): Promise<unknown> => null, requests: 0 }));
// The stand-in for Dawn must be asked on machines without a Vulkan driver too.
vi.stubEnv("VK_DRIVER_FILES", "stand-in");
vi.mock("webgpu", () => ({
  globals: {},
  create: () => ({
    requestAdapter: () => {
      stub.requests++;
      return stub.requestAdapter();
    },
  }),
}));

afterEach(() => {
  stub.requestAdapter = async () => null;
  stub.requests = 0;
});

const SOFTWARE = {
  info: { description: "llvmpipe (LLVM 15)", vendor: "mesa", architecture: "", device: "" },
  features: new Set(),
  limits: {},
};

describe("openBackend", () => {
  it("cpu and wasm never ask for an adapter", async () => {
    for (const choice of ["cpu", "wasm"] as const) {
      const backend = await openBackend(choice);
      expect(backend.name).toBe(choice);
      expect(backend.software).toBe(false);
      backend.dispose();
    }
    expect(stub.requests).toBe(0);
  });

  it("webgpu without an adapter is one clear DeviceError", async () => {
    const error = await rejection(openBackend("webgpu"));
    expect(error).toBeInstanceOf(DeviceError);
    expect(error.message).toContain("no adapter found");
    expect(error.message).not.toContain("\n");
  });

  it("webgpu whose adapter provides no device is a DeviceError that names the adapter", async () => {
    stub.requestAdapter = async () => ({
      ...SOFTWARE,
      requestDevice: () => Promise.reject(new Error("out of memory")),
    });
    const error = await rejection(openBackend("webgpu"));
    expect(error).toBeInstanceOf(DeviceError);
    expect(error.message).toContain("llvmpipe (LLVM 15) provides no device");
  });

  it("auto falls back, saying why", async () => {
    const notes: string[] = [];
    const backend = await openBackend("auto", { onNote: (note) => notes.push(note) });
    expect(["wasm", "cpu"]).toContain(backend.name);
    expect(notes.join()).toContain("no adapter found");
    backend.dispose();
  });

  it("auto skips a software adapter before it creates a device", async () => {
    let devices = 0;
    stub.requestAdapter = async () => ({ ...SOFTWARE, requestDevice: () => Promise.reject(new Error(`${++devices}`)) });
    const notes: string[] = [];
    const backend = await openBackend("auto", { onNote: (note) => notes.push(note) });
    expect(backend.name).not.toBe("webgpu");
    expect(notes.join()).toContain("llvmpipe (LLVM 15), which is software");
    expect(devices).toBe(0);
    backend.dispose();
  });

  it("refuses an unknown name and lists the known ones", async () => {
    const error = await rejection(openBackend("cuda" as BackendChoice));
    expect(error).toBeInstanceOf(OptionError);
    expect(error.message).toContain("backend cuda is not one of auto, webgpu");
  });
});
