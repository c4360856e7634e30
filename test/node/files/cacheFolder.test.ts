import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { OptionError } from "../../../src/errors.js";
import { cacheFolder } from "../../../src/node/files/cacheFolder.js";
import { keep, readKept } from "../../../src/node/kept/keptFiles.js";
import { systemFonts } from "../../../src/node/pictures/systemFonts.js";
import { fileTuningStore } from "../../../src/node/tuningStore.js";
import { mayHaveVulkan } from "../../../src/node/vulkan.js";

vi.mock("node:os", async (original) => {
  const os = await original<typeof import("node:os")>();
  const homedir = (): string => {
    if (process.env.TEST_HOMELESS) throw new Error("uv_os_homedir returned ENOENT");
    return os.homedir();
  };
  return { ...os, homedir };
});

afterEach(() => {
  vi.unstubAllEnvs();
});

describe.runIf(process.platform === "linux")("a user without a home folder", () => {
  it("is told what to set, keeps nothing, and fonts and drivers are still looked for", async () => {
    vi.stubEnv("TEST_HOMELESS", "1");
    vi.stubEnv("YOLOV5_CACHE", undefined);
    vi.stubEnv("XDG_CACHE_HOME", undefined);
    expect(cacheFolder).toThrow(OptionError);
    expect(cacheFolder).toThrow(/no home folder to keep files in; set YOLOV5_CACHE/);
    keep("a name", [Uint8Array.of(1)]);
    expect(readKept("a name")).toBeUndefined();
    expect(await fileTuningStore().load("key")).toBeUndefined();
    expect(Array.isArray(await systemFonts())).toBe(true);
    expect(typeof mayHaveVulkan()).toBe("boolean");
  });
});

describe("cacheFolder", () => {
  it("is $YOLOV5_CACHE, else under the platform's cache folder", () => {
    vi.stubEnv("YOLOV5_CACHE", "/somewhere");
    expect(cacheFolder()).toBe("/somewhere");
    vi.stubEnv("YOLOV5_CACHE", "");
    vi.stubEnv("XDG_CACHE_HOME", "/xdg");
    if (process.platform === "linux") expect(cacheFolder()).toBe(join("/xdg", "yolov5-ts"));
    expect(cacheFolder().endsWith("yolov5-ts")).toBe(true);
  });
});
