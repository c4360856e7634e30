/** Opens whatever `--weights` and `load` accept. */

import { readFile, stat } from "node:fs/promises";
import { nameOfAddress } from "../api/address.js";
import { givenBytes } from "../api/givenBytes.js";
import { EMBEDDED_MODEL } from "../api/names.js";
import type { WeightSource } from "../api/sources.js";
import { Breather } from "../breathe.js";
import { CheckpointError, OptionError } from "../errors.js";
import { throwIfAborted } from "../yolov5/calls/abort.js";
import { type OpenedModel, openModelFile, randomModelPieces } from "../yolov5/loadModel.js";
import { embeddedModelPath } from "./embeddedModel.js";
import { readFailure, readRegularFile } from "./files/regularFile.js";
import { type KnownModelOptions, knownModelName, readKnownModel } from "./knownModels.js";
import { bytesInside, placeOf } from "./localAddress.js";
import { download, type OnProgress } from "./net/download.js";
import { readOnnxFile } from "./onnxFile.js";

export interface OpenWeightsOptions extends KnownModelOptions {
  readonly onProgress?: OnProgress | undefined;
  /** Model description for a bare state dict. */
  readonly config?: unknown;
}

export interface OpenedWeights {
  readonly opened: OpenedModel;
  /** The name used in messages and JSON. */
  readonly path: string;
  /** The whole file; absent for `random:` weights, which are made from their name. */
  readonly bytes?: Uint8Array | undefined;
  /** The path of the file, if it is one of this machine: an ONNX export may keep its weights beside it. */
  readonly file?: string | undefined;
}

async function fileExists(path: string): Promise<boolean> {
  return stat(path).then(
    (s) => s.isFile(),
    () => false,
  );
}

/** Suffixes of folders that exporters write. */
const EXPORTED_FOLDERS: readonly (readonly [ending: RegExp, what: string])[] = [
  [/\.(mlpackage|mlmodelc)\/?$/, "is a Core ML package"],
  [/(^|[/\\_])saved_model\/?$/, "is a TensorFlow SavedModel folder"],
  [/_openvino_model\/?$/, "is an OpenVINO model folder"],
  [/_ncnn_model\/?$/, "is an ncnn model folder"],
  [/_paddle_model\/?$/, "is a PaddlePaddle model folder"],
  [/_web_model\/?$/, "is a TensorFlow.js model folder"],
];

function describeFolder(path: string): string {
  return EXPORTED_FOLDERS.find(([ending]) => ending.test(path))?.[1] ?? "is a folder";
}

/** @throws CheckpointError for a path that is not a file: what it is, and how to specify weights. */
async function readWeightFile(path: string): Promise<Uint8Array> {
  try {
    return await readRegularFile(path);
  } catch (error) {
    const folder = (error as { code?: string }).code === "EISDIR" ? describeFolder(path) : undefined;
    throw new CheckpointError(
      `${nameOfAddress(path)}: ${folder ?? readFailure(error, path)}; give the path of a .pt, .safetensors or .onnx file, a released name such as yolov5n, or ${EMBEDDED_MODEL} (embedded)`,
      { path },
      { cause: error },
    );
  }
}

/**
 * Opens weights of any kind.
 * @throws CheckpointError, DownloadError, OptionError with one line: the name, the problem and the fix; the signal's
 * reason if it is aborted.
 */
export async function openWeights(source: WeightSource, options: OpenWeightsOptions = {}): Promise<OpenedWeights> {
  throwIfAborted(options.signal);
  const open: Open = async (bytes, path, file) => ({
    opened: await openModelFile(bytes, { path, config: options.config, readOnnx: readOnnxFile(file) }),
    path,
    bytes,
    file,
  });
  const place = placeOf(source, "checkpoint");
  if (!place) {
    const { bytes, path } = await givenBytes(source);
    throwIfAborted(options.signal);
    return open(bytes, path);
  }
  const { shown } = place;
  const refuse = (why: string): CheckpointError => new CheckpointError(`${shown}: ${why}`, { source: shown });
  switch (place.kind) {
    case "nowhere":
      throw refuse(place.why);
    case "inside":
      return open(await bytesInside(place.address, "checkpoint", refuse), shown);
    case "remote":
      return open(await download(place.address, options), shown);
    case "path":
      return openNamed(place.address, open, options);
  }
}

/** @param file the path of the file on this machine, if the bytes are one's. */
type Open = (bytes: Uint8Array, path: string, file?: string) => Promise<OpenedWeights>;

/** A path, or a name that stands for a model. */
async function openNamed(source: string, open: Open, options: OpenWeightsOptions): Promise<OpenedWeights> {
  if (source.startsWith("random:")) {
    const [, name, seed = "0"] = source.split(":");
    if (!/^\d+$/.test(seed)) {
      throw new OptionError(
        `${source}: the seed ${JSON.stringify(seed)} must be a whole number, as in random:yolov5s:1`,
      );
    }
    const opened = await new Breather(options.signal).through(randomModelPieces(name, Number(seed)));
    return { opened, path: source };
  }
  if (await fileExists(source)) return open(await readWeightFile(source), source, source);
  if (source === EMBEDDED_MODEL) return open(await readFile(embeddedModelPath()), `embedded:${EMBEDDED_MODEL}`);
  const known = knownModelName(source);
  if (known) {
    const { bytes, path } = await readKnownModel(known, options);
    return open(bytes, path);
  }
  return open(await readWeightFile(source), source);
}
