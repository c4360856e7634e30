import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { cacheFolder } from "../../../src/node/files/cacheFolder.js";

afterEach(() => {
  vi.unstubAllEnvs();
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
