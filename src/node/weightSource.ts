/** What `--weights` and `load` accept, as opened models. */

import { readFile, stat } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { EMBEDDED_MODEL } from "../api/names.js";
import type { WeightSource } from "../api/sources.js";
import { CheckpointError, OptionError } from "../errors.js";
import { type OpenedModel, openModel, randomModel } from "../yolov5/loadModel.js";
import { download, type OnProgress } from "./download.js";
import { embeddedModelPath, type KnownModelOptions, knownModelName, readKnownModel } from "./knownModels.js";

export interface OpenWeightsOptions extends KnownModelOptions {
  readonly onProgress?: OnProgress | undefined;
  /** Model description for a bare state dict. */
  readonly config?: unknown;
}

export interface OpenedWeights {
  readonly opened: OpenedModel;
  /** What messages and JSON call it. */
  readonly path: string;
}

async function fileExists(path: string): Promise<boolean> {
  return stat(path).then(
    (s) => s.isFile(),
    () => false,
  );
}

/** @throws CheckpointError for a path that is no file: what it is, and how to find weights. */
async function readWeightFile(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    const code = (error as { code?: string }).code;
    const what =
      code === "ENOENT"
        ? "no such file"
        : code === "EISDIR"
          ? "is a folder"
          : `cannot be read (${code ?? String(error)})`;
    throw new CheckpointError(
      `${path}: ${what}; give the path of a .pt or .safetensors checkpoint, a released name such as yolov5n, or ${EMBEDDED_MODEL} (embedded)`,
      { path },
      { cause: error },
    );
  }
}

/**
 * Opens weights of any kind.
 * @throws CheckpointError, DownloadError, OptionError: one line with the name, what it is, and the fix.
 */
export async function openWeights(source: WeightSource, options: OpenWeightsOptions = {}): Promise<OpenedWeights> {
  const open = (bytes: Uint8Array, path: string): OpenedWeights => ({
    opened: openModel(bytes, { path, config: options.config }),
    path,
  });
  if (source instanceof URL && source.protocol === "file:") return openWeights(fileURLToPath(source), options);
  if (source instanceof URL) return openWeights(source.href, options);
  if (typeof source !== "string") {
    const bytes = source instanceof Blob ? await source.arrayBuffer() : source;
    const path = source instanceof Blob && "name" in source ? String(source.name) : "checkpoint";
    return open(bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes), path);
  }
  if (source.startsWith("random:")) {
    const [, name, seed = "0"] = source.split(":");
    if (!/^\d+$/.test(seed)) {
      throw new OptionError(
        `${source}: the seed ${JSON.stringify(seed)} must be a whole number, as in random:yolov5s:1`,
      );
    }
    return { opened: randomModel(name, Number(seed)), path: source };
  }
  if (/^https?:\/\//.test(source)) return open(await download(source, options), source);
  if (await fileExists(source)) return open(await readWeightFile(source), source);
  if (source === EMBEDDED_MODEL) return open(await readFile(embeddedModelPath()), `embedded:${EMBEDDED_MODEL}`);
  const known = knownModelName(source);
  if (known) {
    const { bytes, path } = await readKnownModel(known, options);
    return open(bytes, path);
  }
  return open(await readWeightFile(source), source);
}
