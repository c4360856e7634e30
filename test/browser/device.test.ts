/** What becomes of a call when the graphics device is absent, refuses, or goes away: an answer that waits for no timeout. */

import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { chromiumMissing, launchChromium } from "./support/chromium.js";
import { createWorkspace, type Workspace } from "./support/dist.js";
import { type EngineWindow, openPlain, plainSites } from "./support/pages.js";
import { type Site, serveSite } from "./support/server.js";

/** Timers that run at least so long are timeouts. */
const TIMEOUT_MS = 500;

/** What tests do to the page's WebGPU; put in place before the page's own scripts. */
interface Tampering {
  adapter?: "null" | undefined;
  device?: "rejects" | undefined;
  /** Say that the software adapter is hardware, so that `auto` takes it. */
  pretend?: boolean;
}

interface TamperedWindow extends EngineWindow {
  readonly tampering: Tampering;
  readonly devices: readonly GPUDevice[];
  /** Timeouts that have passed, in milliseconds. */
  readonly passed: readonly number[];
}

function tamper(timeoutMs: number): void {
  const tampering: Tampering = {};
  const devices: GPUDevice[] = [];
  const passed: number[] = [];
  Object.assign(globalThis, { tampering, devices, passed });
  const { setTimeout } = globalThis;
  const watched = (handler: TimerHandler, ms = 0, ...rest: unknown[]) =>
    setTimeout(() => {
      if (ms >= timeoutMs) passed.push(ms);
      if (typeof handler === "function") handler(...rest);
    }, ms);
  Object.assign(globalThis, { setTimeout: watched });
  const { requestAdapter } = GPU.prototype;
  const { requestDevice } = GPUAdapter.prototype;
  GPU.prototype.requestAdapter = async function (options) {
    if (tampering.adapter === "null") return null;
    const adapter = await requestAdapter.call(this, options);
    if (adapter && tampering.pretend) {
      Object.defineProperty(adapter, "info", { value: { description: "Pretended GPU", isFallbackAdapter: false } });
    }
    return adapter;
  };
  GPUAdapter.prototype.requestDevice = async function (descriptor) {
    if (tampering.device === "rejects") throw new DOMException("not today", "OperationError");
    const device = await requestDevice.call(this, descriptor);
    devices.push(device);
    return device;
  };
}

describe.skipIf(chromiumMissing())("the graphics device in a page", () => {
  let workspace: Workspace;
  let site: Site;
  let browser: Browser;

  beforeAll(async () => {
    workspace = createWorkspace();
    site = await serveSite(plainSites(workspace));
    browser = await launchChromium();
  });

  afterAll(async () => {
    await browser?.close();
    await site?.close();
    workspace?.dispose();
  });

  async function open(tampering: Tampering): Promise<Page> {
    const page = await browser.newPage();
    await page.addInitScript(tamper, TIMEOUT_MS);
    await openPlain(page, site.origin, "/plain/");
    await page.evaluate((wanted) => {
      Object.assign((globalThis as unknown as TamperedWindow).tampering, wanted);
    }, tampering);
    return page;
  }

  test.each([
    [{ adapter: "null" }, /no adapter found/],
    [{ device: "rejects" }, /provides no device: .*not today/],
  ] as const)("%j: webgpu fails with the reason, auto uses WASM with a note", async (tampering, reason) => {
    const page = await open(tampering);
    const found = await page.evaluate(async () => {
      const { engine, tampering, passed } = globalThis as unknown as TamperedWindow;
      tampering.pretend = true;
      const bytes = await (await fetch("models/codes.safetensors")).arrayBuffer();
      const asked = await engine.load(bytes, { backend: "webgpu" }).then(
        () => "loaded",
        (error: Error) => `${error.name}: ${error.message}`,
      );
      const waited = [...passed];
      const notes: string[] = [];
      const model = await engine.load(bytes, { onNote: (note) => notes.push(note) });
      const { name } = model.device;
      model.dispose();
      return { asked, waited, notes, name };
    });
    expect(found.asked).toMatch(/^DeviceError: /);
    expect(found.asked).toMatch(reason);
    expect(found.waited).toEqual([]);
    expect(found.name).toBe("wasm");
    expect(found.notes[0]).toMatch(/^not on WebGPU: /);
    expect(found.notes[0]).toMatch(reason);
    await page.close();
  });

  test("lost during a call: a new device answers the call, with a note", async () => {
    const page = await open({});
    const found = await page.evaluate(async () => {
      const { engine, devices } = globalThis as unknown as TamperedWindow;
      const notes: string[] = [];
      const model = await engine.load("models/codes.safetensors", {
        backend: "webgpu",
        onNote: (note) => notes.push(note),
      });
      const picture = await (await fetch("examples/codes.png")).blob();
      const before = await model.detect(picture, { imgsz: 320 });
      const calls = [1, 2, 3].map(() => model.detect(picture, { imgsz: 320 }));
      // Once the first is under way.
      await new Promise((resolve) => setTimeout(resolve, 60));
      devices[0].destroy();
      const after = await Promise.all(calls);
      const { name } = model.device;
      model.dispose();
      return {
        name,
        notes,
        devices: devices.length,
        before: JSON.stringify(before.toJSON().input) + before.summary(),
        after: after.map((result) => JSON.stringify(result.toJSON().input) + result.summary()),
      };
    });
    expect(found.after).toEqual([found.before, found.before, found.before]);
    expect(found.name).toBe("webgpu");
    expect(found.devices).toBe(2);
    expect(found.notes).toContain("the WebGPU device was lost; running again on a new one");
    await page.close();
  });

  test("lost for good: the call rejects with the reason at once", async () => {
    const page = await open({});
    const found = await page.evaluate(async () => {
      const { engine, devices, tampering, passed } = globalThis as unknown as TamperedWindow;
      const picture = await (await fetch("examples/codes.png")).blob();
      const model = await engine.load("models/codes.safetensors", { backend: "webgpu" });
      await model.detect(picture, { imgsz: 320 });
      tampering.adapter = "null";
      const call = model.detect(picture, { imgsz: 320 }).then(
        () => "answered",
        (error: Error) => `${error.name}: ${error.message}`,
      );
      await new Promise((resolve) => setTimeout(resolve, 60));
      devices[0].destroy();
      const before = passed.length;
      const outcome = await call;
      return { outcome, waited: passed.slice(before) };
    });
    expect(found.outcome).toMatch(/^DeviceError: webgpu: no adapter found/);
    expect(found.waited).toEqual([]);
    await page.close();
  });

  test("float16 on a device without it: runs in float32, with a note", async () => {
    const page = await open({});
    const found = await page.evaluate(async () => {
      const { engine, passed } = globalThis as unknown as TamperedWindow;
      const notes: string[] = [];
      const onNote = (note: string) => notes.push(note);
      const model = await engine.load("models/codes.safetensors", { backend: "webgpu", half: true, onNote });
      const waited = [...passed];
      await model.detect({ data: new Uint8Array(64 * 64 * 3), width: 64, height: 64 });
      return { notes, dtype: model.device.dtype, waited };
    });
    expect(found.notes).toEqual([expect.stringMatching(/^half: float16 is not available on webgpu .*float32$/)]);
    expect(found.dtype).toBe("float32");
    expect(found.waited).toEqual([]);
    await page.close();
  });
});
