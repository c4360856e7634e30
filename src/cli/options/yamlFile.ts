/** YAML files that users give: model descriptions (--cfg) and data sets (--data). */

import { readTextFile } from "../../node/files/textFile.js";
import { architectureNames } from "../../yolov5/config/architectures.js";
import { errorLine, InputError } from "../errors.js";

/** @throws InputError naming the file and what is wrong with it. */
export async function readYaml(path: string, option: string): Promise<unknown> {
  let text: string;
  try {
    text = await readTextFile(path);
  } catch (error) {
    throw new InputError(`${option} ${errorLine(error)}; give the path of a YAML file`);
  }
  const { parseYaml } = await import("../../node/files/yamlText.js");
  try {
    return parseYaml(text);
  } catch (error) {
    throw new InputError(`${option} ${path}: ${(error as Error).message}`);
  }
}

/**
 * `--cfg`: a released name (`yolov5s`, for its wiring) or the path of a model's YAML.
 * @throws InputError naming the file and what is wrong with it.
 */
export async function readModelConfig(value: string | undefined): Promise<unknown> {
  if (value === undefined || architectureNames().includes(value)) return value;
  return readYaml(value, "--cfg");
}

/** `names` of a data set's YAML: a list, or a map from index to name. */
export async function readNames(path: string): Promise<unknown> {
  const content = await readYaml(path, "--data");
  const names = typeof content === "object" && content !== null && "names" in content ? content.names : undefined;
  if (typeof names !== "object" || names === null) {
    throw new InputError(`--data ${path}: has no "names" list; give a data set's YAML such as coco128.yaml`);
  }
  return names;
}
