/** Opens a data set: a folder, an Ultralytics YAML, a list file, annotations of COCO, CVAT or Label Studio, or Pascal VOC's. */

import { readdir } from "node:fs/promises";
import { basename, dirname, extname, isAbsolute, join } from "node:path";
import { DatasetError } from "../../errors.js";
import { parseDataDescription, type Split } from "../../eval/dataset/dataYaml.js";
import type { DetectionDataset } from "../../eval/dataset/types.js";
import { isPictureName } from "../files/pictureEndings.js";
import { readFailure } from "../files/regularFile.js";
import { readTextFile } from "../files/textFile.js";
import { parseYaml } from "../files/yamlText.js";
import { type CocoOptions, openCoco } from "./coco.js";
import { openCvat } from "./cvat.js";
import { kindOf, picturesBelow, picturesOfList, shownPath } from "./files.js";
import { annotationsIn, openVoc } from "./voc.js";
import { readYoloDataset } from "./yolo.js";

/** Options of `openDataset`. */
export interface OpenDatasetOptions extends CocoOptions {
  /** The split of a YAML description to use. Default `val`. */
  readonly split?: Split | undefined;
}

/** File names of descriptions that exporters put into a data set's folder. */
const DESCRIPTIONS = ["data.yaml", "data.yml", "dataset.yaml", "dataset.yml"];
const SPLIT_FOLDERS: Readonly<Record<Split, readonly string[]>> = {
  train: ["train", "train2017"],
  val: ["val", "valid", "validation", "val2017"],
  test: ["test", "test2017"],
};

/**
 * @param path a folder with `images/` and `labels/`, a `.yaml`, a `.txt` list of pictures, a `.json` of COCO or Label
 * Studio, CVAT's `.xml`, or a Pascal VOC folder (with `Annotations/`, or the folder of its `.xml` files).
 * @throws DatasetError with file and line of what is missing or wrong.
 */
export async function openDataset(path: string, options: OpenDatasetOptions): Promise<DetectionDataset> {
  const kind = await kindOf(path);
  if (!kind) {
    throw new DatasetError(
      `${path}: no such file or folder; give a folder with images/ and labels/, a data set's .yaml, a .txt list of pictures, a .json of COCO or Label Studio, or CVAT's .xml`,
      { path },
    );
  }
  if (kind === "folder") return openFolder(path, options);
  switch (extname(path).toLowerCase()) {
    case ".yaml":
    case ".yml":
      return openDescription(path, options);
    case ".json":
      return openCoco(path, options);
    case ".xml":
      return openCvat(path, options);
    case ".txt":
      return readYoloDataset(path, await picturesOfList(path, options.signal), undefined, options);
    default:
      throw new DatasetError(
        `${path}: is not a data set; give a folder with images/ and labels/, a .yaml, a .txt list of pictures, a .json of COCO or Label Studio, or CVAT's .xml`,
        { path },
      );
  }
}

async function openFolder(folder: string, options: OpenDatasetOptions): Promise<DetectionDataset> {
  const images = join(folder, "images");
  const splits = SPLIT_FOLDERS[options.split ?? "val"];
  if ((await kindOf(images)) === "folder") {
    const own = await firstFolder(splits.map((name) => join(images, name)));
    return readPictures(folder, await picturesBelow(own ?? images, options.signal), undefined, options);
  }
  const voc = await annotationsIn(folder);
  if (voc !== undefined) return openVoc(voc, options);
  for (const name of DESCRIPTIONS) {
    if ((await kindOf(join(folder, name))) === "file") return openDescription(join(folder, name), options);
  }
  const own = await firstFolder(splits.map((name) => join(folder, name, "images")));
  return readPictures(folder, await picturesBelow(own ?? folder, options.signal), undefined, options);
}

async function firstFolder(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) if ((await kindOf(path)) === "folder") return path;
  return undefined;
}

async function readPictures(
  name: string,
  pictures: readonly string[],
  names: readonly string[] | undefined,
  options: OpenDatasetOptions,
): Promise<DetectionDataset> {
  if (pictures.length === 0) {
    throw new DatasetError(`${name}: holds no pictures; give a folder with images/ and labels/`, { name });
  }
  return readYoloDataset(name, pictures, names, options);
}

async function openDescription(file: string, options: OpenDatasetOptions): Promise<DetectionDataset> {
  let content: unknown;
  try {
    content = parseYaml(await readTextFile(file));
  } catch (error) {
    throw new DatasetError(`${file}: ${readFailure(error, file)}`, { file }, { cause: error });
  }
  const { path, sources, names } = parseDataDescription(content, options.split ?? "val", file);
  const pictures: string[][] = [];
  for (const source of sources) {
    const found = await locate(source, path, file, options);
    if ((await kindOf(found)) === "folder") pictures.push(await picturesBelow(found, options.signal));
    else if (extname(found).toLowerCase() === ".txt") pictures.push(await picturesOfList(found, options.signal));
    else
      throw new DatasetError(`${file}: ${shownPath(found)} is neither a folder nor a .txt list of pictures`, { file });
  }
  return readPictures(file, pictures.flat(), names, options);
}

/**
 * Finds a split below `path`. `path` is relative to the description's own folder, to the current folder, or to a
 * sibling folder `datasets`, as in YOLOv5's layout. As a last resort a leading `../` is dropped, which some exporters
 * write for the folder itself. If the split is nowhere, uses pictures in an `images/` next to the description, with a
 * warning: data sets get moved.
 */
async function locate(source: string, path: string, file: string, options: OpenDatasetOptions): Promise<string> {
  const bases = isAbsolute(path)
    ? [path]
    : [join(dirname(file), path), path === "" ? "." : path, join("..", "datasets", basename(path))];
  const tried: string[] = [];
  for (const text of source.startsWith("../") ? [source, source.slice(3)] : [source]) {
    for (const base of isAbsolute(text) ? [""] : bases) {
      const candidate = join(base, text);
      if (tried.includes(candidate)) continue;
      if (await kindOf(candidate)) return candidate;
      tried.push(candidate);
    }
  }
  const beside = join(dirname(file), "images");
  const places = `"${shownPath(source)}" does not exist (tried ${tried.map(shownPath).join(", ")})`;
  if ((await kindOf(beside)) === "folder" && (await readdir(beside)).some(isPictureName)) {
    options.onWarning?.(`${file}: ${places}; using ${beside} next to it`);
    return beside;
  }
  throw new DatasetError(`${file}: ${places}; correct "path", or give the folder that contains images/ and labels/`, {
    file,
    tried,
  });
}
