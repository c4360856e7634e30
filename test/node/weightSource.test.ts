/** What --weights and load accept: paths, URLs, names, bytes; and one clear line for the rest. */

import { readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";
import type { WeightSource } from "../../src/api/sources.js";
import { CheckpointError, DownloadError, EngineError, type ErrorCode } from "../../src/errors.js";
import { openWeights } from "../../src/node/weightSource.js";
import { moduleAt } from "../../src/weights/index.js";
import { rejection, unreachableUrl, withFolder, withServer } from "./server.js";

const PATH = fileURLToPath(new URL("../fixtures/pytorch/v6.pt", import.meta.url));
const BYTES = new Uint8Array(readFileSync(PATH));

describe("openWeights", () => {
  it.each<[string, WeightSource, string]>([
    ["a path", PATH, PATH],
    ["a file URL", pathToFileURL(PATH), PATH],
    ["bytes", BYTES, "checkpoint"],
    ["an ArrayBuffer", BYTES.slice().buffer, "checkpoint"],
    ["a Blob", new Blob([BYTES]), "checkpoint"],
    ["a File", new File([BYTES], "best.pt"), "best.pt"],
  ])("takes %s", async (_, source, path) => {
    const weights = await openWeights(source);
    expect(weights.path).toBe(path);
    expect(moduleAt(weights.opened.module, "model.0.conv")?.parameters.has("weight")).toBe(true);
  });

  it("takes an http URL, as text or URL, with progress", async () => {
    await withServer(
      (_, response) => response.writeHead(200, { "content-length": BYTES.length }).end(BYTES),
      async (url) => {
        let loaded = 0;
        const weights = await openWeights(`${url}/best.pt`, { onProgress: (p) => (loaded = p.loaded) });
        expect(weights.path).toBe(`${url}/best.pt`);
        expect(loaded).toBe(BYTES.length);
        expect((await openWeights(new URL(`${url}/best.pt`))).path).toBe(`${url}/best.pt`);
      },
    );
  });

  it("takes the embedded model's name", async () => {
    const { opened, path } = await openWeights("codes");
    expect(path).toBe("embedded:codes");
    expect(opened.checkpoint.format).toBe("safetensors");
  });

  it("takes random:NAME with a seed, and equal seeds give equal weights", async () => {
    const first = async (source: string): Promise<number> => {
      const { opened } = await openWeights(source);
      return Number(moduleAt(opened.module, "model.0.conv")?.parameters.get("weight")?.data[0]);
    };
    const [a, b, c] = [await first("random:yolov5n"), await first("random:yolov5n:0"), await first("random:yolov5n:1")];
    expect(a).toBe(b);
    expect(a).not.toBe(c);
  });

  it("prefers a file of the same name to a known or the embedded model", async () => {
    await withFolder(async (folder) => {
      const path = join(folder, "yolov5s.pt");
      await writeFile(path, BYTES);
      expect((await openWeights(path)).path).toBe(path);
    });
  });

  it("recognises folders written by exporters", async () => {
    const exported = {
      "best.mlpackage": /Core ML package; give/,
      best_saved_model: /SavedModel folder; give/,
      best_web_model: /TensorFlow\.js/,
    };
    await withFolder(async (folder) => {
      for (const [name, expected] of Object.entries(exported)) {
        await mkdir(join(folder, name));
        await expect(openWeights(join(folder, name))).rejects.toThrow(expected);
      }
    });
  });

  it.each<[string, string, ErrorCode, string]>([
    ["a missing file", "missing/best.pt", "CHECKPOINT", "missing/best.pt: no such file; give the path of a .pt"],
    ["a folder", "test", "CHECKPOINT", "test: is a folder; give the path"],
    ["a text file", "package.json", "CHECKPOINT", "package.json: is JSON text"],
    [
      "an unknown architecture",
      "random:yolov9",
      "OPTION",
      "random:yolov9 is not an architecture; choose one of yolov5n",
    ],
    ["a seed that is no number", "random:yolov5n:x", "OPTION", 'the seed "x" must be a whole number'],
  ])("refuses %s", async (_, source, code, message) => {
    const error = await rejection(openWeights(source));
    expect(error).toBeInstanceOf(EngineError);
    expect((error as EngineError).code).toBe(code);
    expect(error.message).toContain(message);
    expect(error.message).not.toContain("\n");
  });

  it("names bytes and files in errors", async () => {
    expect((await rejection(openWeights(new Uint8Array(0)))).message).toContain("checkpoint: is empty");
    const page = new File(["<!DOCTYPE html><html>"], "best.pt");
    expect((await rejection(openWeights(page))).message).toContain("best.pt: is a web page (HTML)");
    await withFolder(async (folder) => {
      const path = join(folder, "cut.pt");
      await writeFile(path, BYTES.subarray(0, BYTES.length - 100));
      const error = await rejection(openWeights(path));
      expect(error).toBeInstanceOf(CheckpointError);
      expect(error.message.startsWith(`${path}: `)).toBe(true);
    });
  });

  it("recognises a web page behind a URL", async () => {
    await withServer(
      (_, response) => response.writeHead(200).end("<html>404</html>"),
      async (url) => {
        const error = await rejection(openWeights(`${url}/best.pt`));
        expect(error.message).toBe(
          `${url}/best.pt: is a web page (HTML), probably an error or login page instead of a download; download the file again`,
        );
      },
    );
    expect(await rejection(openWeights(`${await unreachableUrl()}/best.pt`))).toBeInstanceOf(DownloadError);
  });
});
