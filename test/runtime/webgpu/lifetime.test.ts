/** What a device context holds on to: nothing once it is disposed of, lost, or half opened. With a stand-in for the device. */

import { describe, expect, it } from "vitest";
import { DeviceContext } from "../../../src/runtime/webgpu/device/deviceContext.js";
import { createWebGpuBackend, type WebGpuOptions } from "../../../src/runtime/webgpu/index.js";
import { rejection } from "../../node/server.js";

/** A GPU whose device counts the listeners it has, and whether it was destroyed. */
function standIn() {
  const listeners = new Set<unknown>();
  const seen = {
    destroyed: 0,
    get listeners(): number {
      return listeners.size;
    },
  };
  let lose: (why: { reason: string; message: string }) => void = () => undefined;
  const lost = new Promise<unknown>((resolve) => {
    lose = resolve;
  });
  const device = {
    features: new Set<string>(),
    limits: {},
    lost,
    addEventListener: (_: string, listener: unknown) => listeners.add(listener),
    removeEventListener: (_: string, listener: unknown) => listeners.delete(listener),
    destroy: () => {
      seen.destroyed++;
      lose({ reason: "destroyed", message: "" });
    },
  };
  const adapter = {
    info: { description: "stand-in", vendor: "", architecture: "", device: "" },
    features: new Set<string>(),
    limits: {},
    requestDevice: async () => device,
  };
  const gpu = { requestAdapter: async () => adapter } as unknown as GPU;
  return { gpu, seen, lose: () => lose({ reason: "unknown", message: "driver reset" }) };
}

describe("a WebGPU device context", () => {
  it("removes its listener when it is disposed of", async () => {
    const { gpu, seen } = standIn();
    const context = await DeviceContext.create({ gpu });
    expect(seen.listeners).toBe(1);
    context.dispose();
    expect(seen).toEqual({ listeners: 0, destroyed: 1 });
  });

  it("removes its listener when the device is lost, and says so", async () => {
    const { gpu, seen, lose } = standIn();
    const context = await DeviceContext.create({ gpu });
    lose();
    expect((await context.lost).message).toContain("driver reset");
    expect(seen.listeners).toBe(0);
  });

  const HALF_WAY: Readonly<Record<string, Partial<WebGpuOptions>>> = {
    "tuned kernels cannot be read": {
      tuningStore: { load: () => Promise.reject(new Error("no")), save: async () => undefined },
    },
    "the kernel is unknown": { convKernel: "none" },
  };
  for (const [why, options] of Object.entries(HALF_WAY)) {
    it(`is not left open if ${why}`, async () => {
      const { gpu, seen } = standIn();
      await rejection(createWebGpuBackend({ gpu, ...options }));
      expect(seen).toEqual({ listeners: 0, destroyed: 1 });
    });
  }
});
