/** Models known by name: cache, checksums, and messages that say where to put the file. */

import { existsSync, readFileSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { DownloadError } from "../../src/errors.js";
import { embeddedModelPath } from "../../src/node/embeddedModel.js";
import { sha256 } from "../../src/node/files/sha256.js";
import { knownModelName, knownModelNames, readKnownModel } from "../../src/node/knownModels.js";
import { openWeights } from "../../src/node/weightSource.js";
import { architectureNames } from "../../src/yolov5/config/architectures.js";
import { referencePath } from "../support/reference.js";
import { rejection, unreachableUrl, withFolder, withServer } from "./server.js";

const CHECKPOINT = readFileSync(new URL("../fixtures/pytorch/v6.pt", import.meta.url));

afterEach(() => vi.unstubAllEnvs());

/** A cache of its own, and a server that sends `body`. */
async function withRelease<T>(
  body: Uint8Array | string,
  use: (release: { baseUrl: string; cache: string; requests: string[] }) => Promise<T>,
): Promise<T> {
  const requests: string[] = [];
  return withFolder((cache) => {
    vi.stubEnv("YOLOV5_CACHE", cache);
    return withServer(
      (request, response) => {
        requests.push(request.url ?? "");
        response.writeHead(200).end(body);
      },
      (baseUrl) => use({ baseUrl, cache, requests }),
    );
  });
}

describe("names", () => {
  it("are those of the releases, with or without .pt", () => {
    expect(knownModelNames()).toEqual(expect.arrayContaining(architectureNames()));
    expect(knownModelNames()).toHaveLength(architectureNames().length);
    for (const name of ["yolov5n", "yolov5x6", "yolov5m-cls", "yolov5nu", "yolov8n-pose", "yolo11x-seg", "yolo26s"]) {
      expect(knownModelName(name)).toBe(name);
      expect(knownModelName(`${name}.pt`)).toBe(name);
    }
    for (const text of ["yolov5", "yolov8", "yolov11n", "yolo26n-seg", "yolov5n.onnx", "./yolov5n.pt", "constructor"]) {
      expect(knownModelName(text)).toBeUndefined();
    }
  });

  it("include the embedded model, which is in the package", () => {
    expect(existsSync(embeddedModelPath())).toBe(true);
  });
});

describe("readKnownModel", () => {
  it("downloads once, then reads the cache, and says that an unpinned checksum was not verified", async () => {
    await withRelease(CHECKPOINT, async ({ baseUrl, cache, requests }) => {
      const warnings: string[] = [];
      const options = { baseUrl, onWarning: (w: string) => warnings.push(w) };
      const first = await readKnownModel("yolov5s", options);
      expect(first.path).toBe(join(cache, "yolov5s.pt"));
      expect(sha256(await readFile(first.path))).toBe(sha256(CHECKPOINT));
      expect(warnings).toEqual([`yolov5s.pt: its checksum is not pinned; downloaded SHA-256 ${sha256(CHECKPOINT)}`]);
      const again = await readKnownModel("yolov5s", options);
      expect(sha256(again.bytes)).toBe(sha256(CHECKPOINT));
      expect(requests).toEqual(["/yolov5s.pt"]);
      expect(warnings).toHaveLength(1);
    });
  });

  it("recognises an unpinned file by the checksum of its download", async () => {
    await withRelease(CHECKPOINT, async ({ baseUrl, cache, requests }) => {
      const warnings: string[] = [];
      const options = { baseUrl, onWarning: (w: string) => warnings.push(w) };
      const { path } = await readKnownModel("yolov5s", options);
      expect(await readFile(`${path}.sha256`, "utf8")).toBe(`${sha256(CHECKPOINT)}  yolov5s.pt\n`);
      const damaged = Buffer.from(CHECKPOINT);
      damaged[1000] ^= 1;
      await writeFile(path, damaged);
      const { bytes } = await readKnownModel("yolov5s", options);
      expect(sha256(bytes)).toBe(sha256(CHECKPOINT));
      expect(warnings.at(-2)).toBe(
        `${path}: is not the downloaded yolov5s.pt (the checksum differs); downloading it again`,
      );
      expect(requests).toHaveLength(2);
      // What a user put there has no record, and is taken as it is; so is one with a record that is none.
      await writeFile(join(cache, "yolov5m.pt"), damaged);
      expect(sha256((await readKnownModel("yolov5m", options)).bytes)).toBe(sha256(damaged));
      await writeFile(join(cache, "yolov5m.pt.sha256"), "nonsense");
      expect(sha256((await readKnownModel("yolov5m", options)).bytes)).toBe(sha256(damaged));
      expect(requests).toHaveLength(2);
    });
  });

  it("refuses a pinned file with a different checksum and keeps nothing", async () => {
    await withRelease(CHECKPOINT, async ({ baseUrl, cache }) => {
      const error = await rejection(readKnownModel("yolov5n", { baseUrl }));
      expect(error).toBeInstanceOf(DownloadError);
      expect(error.message).toContain(`its SHA-256 is ${sha256(CHECKPOINT)}, not the official 4f180cf2`);
      expect(error.message).toContain(`put it at ${join(cache, "yolov5n.pt")}`);
      expect(existsSync(join(cache, "yolov5n.pt"))).toBe(false);
    });
  });

  it("downloads again if the cached file is not the official one", async () => {
    await withRelease(CHECKPOINT, async ({ baseUrl, cache, requests }) => {
      await writeFile(join(cache, "yolov5n.pt"), "half a file");
      const warnings: string[] = [];
      await rejection(readKnownModel("yolov5n", { baseUrl, onWarning: (w) => warnings.push(w) }));
      expect(warnings.join()).toContain("is not the official yolov5n.pt (the checksum differs)");
      expect(requests).toEqual(["/yolov5n.pt"]);
      expect(await readFile(join(cache, "yolov5n.pt"), "utf8")).toBe("half a file");
    });
  });

  it.each([
    ["yolov5s-seg", "https://github.com/ultralytics/yolov5/releases/download/v7.0/yolov5s-seg.pt"],
    ["yolov5nu", "https://github.com/ultralytics/assets/releases/download/v8.3.0/yolov5nu.pt"],
    ["yolo11n-pose", "https://github.com/ultralytics/assets/releases/download/v8.3.0/yolo11n-pose.pt"],
    ["yolo26x", "https://github.com/ultralytics/assets/releases/download/v8.4.0/yolo26x.pt"],
  ])("%s comes from %s", async (name, address) => {
    await withFolder(async (cache) => {
      vi.stubEnv("YOLOV5_CACHE", cache);
      for (const setting of ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "YOLOV5_RELEASE_URL"]) {
        vi.stubEnv(setting, undefined);
      }
      const asked: string[] = [];
      vi.stubGlobal("fetch", (url: string | URL | Request) => {
        asked.push(String(url));
        return Promise.reject(new TypeError("no network in tests"));
      });
      await rejection(readKnownModel(name));
      vi.unstubAllGlobals();
      expect(asked).toEqual([address]);
    });
  });

  it("says offline where to put the file", async () => {
    await withFolder(async (cache) => {
      vi.stubEnv("YOLOV5_CACHE", cache);
      const baseUrl = await unreachableUrl();
      const error = await rejection(readKnownModel("yolov5m", { baseUrl }));
      expect(error).toBeInstanceOf(DownloadError);
      expect(error.message).toBe(
        `${baseUrl}/yolov5m.pt: cannot be reached (ECONNREFUSED); get yolov5m.pt elsewhere and put it at ` +
          `${join(cache, "yolov5m.pt")}, or pass its path with --weights`,
      );
    });
  });

  it("does not cache a web page that was sent with status 200", async () => {
    await withRelease("<!DOCTYPE html><p>sign in", async ({ baseUrl, cache }) => {
      const error = await rejection(readKnownModel("yolov5l", { baseUrl }));
      expect(error.message).toContain("the server did not send a checkpoint");
      expect(error.message).toContain("<!DOCTYPE html>");
      expect(existsSync(join(cache, "yolov5l.pt"))).toBe(false);
    });
  });

  it("does not cache half a checkpoint that was sent without its length", async () => {
    await withRelease(CHECKPOINT.subarray(0, CHECKPOINT.length >> 1), async ({ baseUrl, cache }) => {
      const warnings: string[] = [];
      const error = await rejection(readKnownModel("yolov8s", { baseUrl, onWarning: (w) => warnings.push(w) }));
      expect(error).toBeInstanceOf(DownloadError);
      expect(error.message).toBe(
        `${baseUrl}/yolov8s.pt: the server sent only a part of the file (${CHECKPOINT.length >> 1} bytes, without the ` +
          `end of the archive); get yolov8s.pt elsewhere and put it at ${join(cache, "yolov8s.pt")}, or pass its path with --weights`,
      );
      expect(warnings).toEqual([]);
      expect(existsSync(join(cache, "yolov8s.pt"))).toBe(false);
    });
  });

  it("reports progress", async () => {
    await withRelease(CHECKPOINT, async ({ baseUrl }) => {
      let loaded = 0;
      await readKnownModel("yolov5s", { baseUrl, onProgress: (p) => (loaded = p.loaded) });
      expect(loaded).toBe(CHECKPOINT.length);
    });
  });

  const official = referencePath("weights", "yolov5n.pt");
  it.skipIf(official === undefined)("accepts the official yolov5n.pt by its checksum", async () => {
    await withRelease(readFileSync(official ?? ""), async ({ baseUrl }) => {
      const warnings: string[] = [];
      const { opened, path } = await openWeights("yolov5n", { baseUrl, onWarning: (w) => warnings.push(w) });
      expect(warnings).toEqual([]);
      expect(path.endsWith("yolov5n.pt")).toBe(true);
      expect(opened.module.type).toBe("Model");
    });
  });
});
