/** Finding out whether a Vulkan driver is there, before Dawn is asked. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { mayHaveVulkan } from "../../src/node/vulkan.js";

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

it("takes the user's word for drivers named by environment, and other systems' for granted", () => {
  expect(mayHaveVulkan({ VK_DRIVER_FILES: "/nowhere.json" }, "linux")).toBe(true);
  expect(mayHaveVulkan({}, "darwin")).toBe(true);
});
