/** Classification data sets: a folder a class, in `val/` (or `test/`) of the data set's folder. */

import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { DatasetError } from "../../errors.js";
import type { Split } from "../../eval/dataset/dataYaml.js";
import type { ClassifiedSample } from "../../eval/dataset/types.js";
import { byName } from "../files/order.js";
import { readPictureFile } from "../pictures/pictureFile.js";
import { decodeAside } from "../pictures/pictureThread.js";
import { kindOf, picturesBelow } from "./files.js";
import type { ReadOptions } from "./yolo.js";

/**
 * @param root holds `<split>/<class>/<pictures>`, or the class folders themselves.
 * @param names of the model's classes: folders go by name, or in sorted order where their number is the model's.
 * @throws DatasetError with the numbers where the folders are not the model's classes.
 */
export async function openClassificationDataset(
  root: string,
  names: readonly string[],
  split: Split = "val",
  { maxPixels, onWarning, signal }: Pick<ReadOptions, "maxPixels" | "onWarning" | "signal"> = {},
): Promise<ClassifiedSample[]> {
  const folder = await splitFolder(root, split);
  const folders: string[] = [];
  for (const name of await readdir(folder)) {
    if (!name.startsWith(".") && (await kindOf(join(folder, name))) === "folder") folders.push(name);
  }
  folders.sort(byName);
  if (folders.length === 0) {
    throw new DatasetError(
      `${folder}: holds no folders; a classification data set has a folder a class: ${split}/<class>/<pictures>`,
      {
        folder,
      },
    );
  }
  const classOf = classesOf(folders, names, folder, onWarning);
  const samples: ClassifiedSample[] = [];
  for (const name of folders) {
    for (const path of await picturesBelow(join(folder, name))) {
      samples.push({
        name: path,
        class: classOf.get(name) ?? 0,
        load: async () => decodeAside(await readPictureFile(path), { path, maxPixels, onNote: onWarning, signal }),
      });
    }
  }
  if (samples.length === 0)
    throw new DatasetError(`${folder}: its ${folders.length} class folders hold no pictures`, { folder });
  return samples;
}

async function splitFolder(root: string, split: Split): Promise<string> {
  const wanted = split === "val" ? ["val", "valid", "validation", "test"] : [split];
  for (const name of wanted) if ((await kindOf(join(root, name))) === "folder") return join(root, name);
  if ((await kindOf(root)) === "folder") return root;
  throw new DatasetError(
    `${root}: is no folder; a classification data set is a folder with ${split}/<class>/<pictures>`,
    { root },
  );
}

function classesOf(
  folders: readonly string[],
  names: readonly string[],
  root: string,
  onWarning?: (message: string) => void,
): Map<string, number> {
  const indexOf = classIndex(names, new Set(folders));
  const indices = folders.map(indexOf);
  const unknown = folders.filter((_, i) => indices[i] === undefined);
  const taken = new Set(indices);
  if (unknown.length === 0 && taken.size === folders.length) {
    return new Map(folders.map((name, i) => [name, indices[i] ?? 0]));
  }
  // Names that are no class's stand for classes by their order, unless those that are one say otherwise.
  if (folders.length === names.length && indices.every((index, i) => index === undefined || index === i)) {
    const other = indices.indexOf(undefined);
    const named = names.some((name, index) => name !== `class${index}`);
    if (named)
      onWarning?.(
        `${root}: folder "${folders[other]}" is taken for class ${other}, "${names[other]}": not all folders are named after the classes, so they go by their order`,
      );
    return new Map(folders.map((name, index) => [name, index]));
  }
  const listed = unknown
    .slice(0, 5)
    .map((name) => `"${name}"`)
    .join(", ");
  throw new DatasetError(
    `${root}: has ${folders.length} class folders, the model ${names.length} classes, and ${unknown.length} of the folders are none of them (${listed}${unknown.length > 5 ? ", …" : ""}); name the folders after the classes`,
    { folders: folders.length, classes: names.length },
  );
}

/** Index of a class by its name, in whatever case where no other class or folder is called so. */
function classIndex(names: readonly string[], folders: ReadonlySet<string>): (name: string) => number | undefined {
  const exact = new Map(names.map((name, index) => [name, index]));
  const loose = new Map(
    names.filter((name) => !folders.has(name)).map((name) => [name.toLowerCase(), exact.get(name)]),
  );
  return (name) => exact.get(name) ?? loose.get(name.toLowerCase());
}
