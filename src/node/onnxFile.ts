/** ONNX exports in Node: with the external files that hold their weights. */

import { realpath } from "node:fs/promises";
import { dirname, isAbsolute, join, relative, sep } from "node:path";
import { CheckpointError } from "../errors.js";
import { aboutFile } from "../weights/budget.js";
import { cutText } from "../weights/describe.js";
import type { ReadOnnx } from "../yolov5/loadModel.js";
import { readFailure, readRegularFile } from "./files/regularFile.js";

/** @param file the path of the export, if it is a file on this machine; only then are files next to it read. */
export const readOnnxFile =
  (file: string | undefined): ReadOnnx =>
  async (bytes, path) => {
    const { externalFilesOf, openOnnx } = await import("../yolov5/onnx/index.js");
    const locations = aboutFile(path, "checkpoint", () => externalFilesOf(bytes));
    if (file === undefined || locations.length === 0) return openOnnx(bytes, path);
    const external = new Map<string, Uint8Array>();
    for (const location of locations) external.set(location, await readBeside(file, location, path));
    return openOnnx(bytes, path, external);
  };

/** @throws CheckpointError for a file outside the export's folder, wherever links lead, or one that cannot be read. */
async function readBeside(file: string, location: string, path: string): Promise<Uint8Array> {
  const refuse = (why: string, cause?: unknown): CheckpointError =>
    new CheckpointError(`${path}: its weights are in ${cutText(location)}${why}`, { path, location }, { cause });
  const outside = ", which is outside its folder; only files in that folder are read: export the model again";
  if (isAbsolute(location) || /^[a-z]:|\\|\0/i.test(location) || location.split("/").includes(".."))
    throw refuse(outside);
  const folder = dirname(file);
  let bytes: Uint8Array;
  try {
    const [root, target] = [await realpath(folder), await realpath(join(folder, location))];
    const inside = relative(root, target);
    if (inside === "" || inside.split(sep)[0] === ".." || isAbsolute(inside)) throw refuse(outside);
    bytes = await readRegularFile(target);
  } catch (error) {
    if (error instanceof CheckpointError) throw error;
    throw refuse(`: ${readFailure(error, location)}; put it next to the .onnx file`, error);
  }
  return bytes;
}
