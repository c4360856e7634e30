/** Opens whatever `--weights` and `load` accept. */

import { readFile, stat } from "node:fs/promises";
import { nameOfAddress } from "../api/address.js";
import { givenBytes } from "../api/givenBytes.js";
import { EMBEDDED_MODEL } from "../api/names.js";
import type { WeightSource } from "../api/sources.js";
import { Breather } from "../breathe.js";
import { CheckpointError, OptionError } from "../errors.js";
import { throwIfAborted } from "../yolov5/calls/abort.js";
import { type OpenedModel, openModelFile, type RandomHead, randomModelPieces } from "../yolov5/loadModel.js";
import { embeddedModelPath } from "./embeddedModel.js";
import { readFailure, readRegularFile } from "./files/regularFile.js";
import type { Prepared } from "./kept/prepared.js";
import { type KnownModelOptions, knownModelName, readKnownModel } from "./knownModels.js";
import { bytesInside, placeOf } from "./localAddress.js";
import { download, type OnProgress } from "./net/download.js";
import { readOnnxFile } from "./onnxFile.js";

export interface OpenWeightsOptions extends KnownModelOptions {
  readonly onProgress?: OnProgress | undefined;
  /** Model description for a bare state dict. */
  readonly config?: unknown;
  /** The model whose head random weights get. */
  readonly like?: RandomHead | undefined;
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

/**
 * What may be kept in the cache folder: packed weights if they come from files of this machine, unless the user says otherwise.
 * Of weights that were given as bytes or downloaded from an address, nothing is written: kernels say no more than which kinds of
 * layers a network has.
 */
export function preparedToKeep(weights: readonly FoundWeights[], cache: boolean | undefined): Prepared {
  if (cache === false) return "nothing";
  return cache || weights.every(({ file }) => file !== undefined) ? "weights" : "kernels";
}

/** Begins the name of weights that are made from it. */
const RANDOM = "random:";

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

/** Weights that were found: a file in memory, or a name that stands for made ones. */
export type FoundWeights = Omit<OpenedWeights, "opened">;

/**
 * Opens weights of any kind.
 * @throws CheckpointError, DownloadError, OptionError with one line: the name, the problem and the fix; the signal's
 * reason if it is aborted.
 */
export async function openWeights(source: WeightSource, options: OpenWeightsOptions = {}): Promise<OpenedWeights> {
  return openFound(await findWeights(source, options), options);
}

/**
 * Reads the file, without opening it.
 * @throws as `openWeights`, apart from what is wrong inside of a file.
 */
export async function findWeights(source: WeightSource, options: OpenWeightsOptions = {}): Promise<FoundWeights> {
  throwIfAborted(options.signal);
  const place = placeOf(source, "checkpoint");
  if (!place) {
    const { bytes, path } = await givenBytes(source);
    throwIfAborted(options.signal);
    return { bytes, path };
  }
  const { shown } = place;
  const refuse = (why: string): CheckpointError => new CheckpointError(`${shown}: ${why}`, { source: shown });
  switch (place.kind) {
    case "nowhere":
      throw refuse(place.why);
    case "inside":
      return { bytes: await bytesInside(place.address, "checkpoint", refuse), path: shown };
    case "remote":
      return { bytes: await download(place.address, options), path: shown };
    case "path":
      return findNamed(place.address, options);
  }
}

/**
 * Looks whether there is a file, if the source is a path. Reads nothing.
 * @throws CheckpointError as `openWeights`.
 */
export async function checkWeights(source: WeightSource): Promise<void> {
  const place = placeOf(source, "checkpoint");
  if (place?.kind !== "path") return;
  const { address } = place;
  const named = address.startsWith(RANDOM) || address === EMBEDDED_MODEL || knownModelName(address) !== undefined;
  if (!named && !(await fileExists(address))) await readWeightFile(address);
}

/** A path, or a name that stands for a model. */
async function findNamed(source: string, options: OpenWeightsOptions): Promise<FoundWeights> {
  if (source.startsWith(RANDOM)) return { path: source };
  if (await fileExists(source)) return { bytes: await readWeightFile(source), path: source, file: source };
  if (source === EMBEDDED_MODEL) {
    const file = embeddedModelPath();
    return { bytes: await readFile(file), path: `embedded:${EMBEDDED_MODEL}`, file };
  }
  const known = knownModelName(source);
  if (known) {
    const found = await readKnownModel(known, options);
    return { ...found, file: found.path };
  }
  return { bytes: await readWeightFile(source), path: source };
}

/**
 * Opens what was found; weights without bytes are made from their name.
 * @throws as `openWeights`.
 */
export async function openFound(
  found: FoundWeights,
  { config, signal, like }: Pick<OpenWeightsOptions, "config" | "signal" | "like"> = {},
): Promise<OpenedWeights> {
  const { bytes, path, file } = found;
  if (bytes) return { ...found, opened: await openModelFile(bytes, { path, config, readOnnx: readOnnxFile(file) }) };
  const [, name, seed = "0"] = path.split(":");
  if (!/^\d+$/.test(seed)) {
    throw new OptionError(`${path}: the seed ${JSON.stringify(seed)} must be a whole number, as in random:yolov5s:1`);
  }
  return { ...found, opened: await new Breather(signal).through(randomModelPieces(name, Number(seed), like)) };
}
