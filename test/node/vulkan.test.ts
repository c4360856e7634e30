/** Finding out whether a Vulkan driver is there, before Dawn is asked. */

import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { openBackend } from "../../src/node/backends.js";
import { mayHaveHardware, mayHaveVulkan } from "../../src/node/vulkan.js";

let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "vulkan-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

it("looks in the folders that the environment names", () => {
  const environment = { XDG_DATA_HOME: root };
  mkdirSync(join(root, "vulkan", "icd.d"), { recursive: true });
  writeFileSync(join(root, "vulkan", "icd.d", "card.json"), "{}");
  expect(mayHaveVulkan(environment, "linux")).toBe(true);
});

it("trusts drivers named by the environment, and assumes drivers on other systems", () => {
  expect(mayHaveVulkan({ VK_DRIVER_FILES: "/nowhere.json" }, "linux")).toBe(true);
  expect(mayHaveVulkan({}, "darwin")).toBe(true);
});

/** An environment whose only drivers have these names, and a /dev with these devices. */
function machine(drivers: readonly string[], devices: readonly string[]) {
  const [data, dev] = [join(root, "data"), join(root, "dev")];
  mkdirSync(join(data, "vulkan", "icd.d"), { recursive: true });
  for (const name of drivers) writeFileSync(join(data, "vulkan", "icd.d", name), "{}");
  mkdirSync(join(dev, "dri"), { recursive: true });
  for (const name of devices) writeFileSync(join(dev, name), "");
  const nowhere = join(root, "nowhere");
  const environment = {
    XDG_DATA_HOME: data,
    XDG_DATA_DIRS: nowhere,
    XDG_CONFIG_DIRS: nowhere,
    XDG_CONFIG_HOME: nowhere,
  };
  return { environment, dev };
}

it("hardware requires a device and its driver", () => {
  const cases: readonly [readonly string[], readonly string[], boolean][] = [
    [["lvp_icd.x86_64.json", "intel_icd.json", "radeon_icd.json"], ["null", "vga_arbiter"], false],
    [["lvp_icd.x86_64.json", "radeon_icd.json"], ["null", "dri/renderD128"], true],
    [["lvp_icd.json"], ["dri/renderD128"], false],
    [["vk_swiftshader_icd.json"], ["nvidia0"], false],
    [["nvidia_icd.json"], ["nvidia0", "nvidiactl"], true],
    [["dzn_icd.x86_64.json", "lvp_icd.json"], ["dxg"], true],
    [[], ["dri/card0"], false],
  ];
  for (const [drivers, devices, expected] of cases) {
    const { environment, dev } = machine(drivers, devices);
    // Those that the system itself has lie in folders that no environment moves.
    const own = ["/etc/vulkan/icd.d", "/usr/local/etc/vulkan/icd.d", "/usr/local/nvidia/share/vulkan/icd.d"];
    if (!own.some(existsSync))
      expect([drivers, devices, mayHaveHardware(environment, "linux", dev)]).toEqual([drivers, devices, expected]);
    rmSync(root, { recursive: true, force: true });
  }
});

it("a driver named by an environment variable may have its own devices, unless it is software", () => {
  const { environment, dev } = machine([], []);
  expect(mayHaveHardware({ ...environment, VK_DRIVER_FILES: "/x/card.json" }, "linux", dev)).toBe(true);
  expect(mayHaveHardware({ ...environment, VK_ICD_FILENAMES: "/x/lvp_icd.x86_64.json" }, "linux", dev)).toBe(false);
  expect(mayHaveHardware({}, "darwin", dev)).toBe(true);
});

it.skipIf(process.platform !== "linux" || mayHaveHardware())(
  "auto leaves Dawn alone, and standard error empty",
  async () => {
    vi.doMock("webgpu", () => {
      throw new Error("Dawn was loaded");
    });
    const notes: string[] = [];
    const backend = await openBackend("auto", { onNote: (note) => notes.push(note) });
    expect(backend.name).toBe("wasm");
    expect(notes.join()).toMatch(/not on WebGPU: webgpu: (no hardware adapter|this machine has no Vulkan driver)/);
    backend.dispose();
  },
);
