/** Classification data sets: one folder per class, in `val/` (or `test/`) of the data set's folder. */

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
 * @param root contains `<split>/<class>/<pictures>`, or the class folders themselves.
 * @param names the model's class names. Folders are matched by name, or in sorted order if there are as many folders
 * as classes.
 * @throws DatasetError with the counts if the folders do not match the model's classes.
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
      `${folder}: holds no folders; a classification data set has one folder per class: ${split}/<class>/<pictures>`,
      {
        folder,
      },
    );
  }
  const classOf = classesOf(folders, names, folder, onWarning);
  const samples: ClassifiedSample[] = [];
  for (const name of folders) {
    for (const path of await picturesBelow(join(folder, name), signal)) {
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
    `${root}: is not a folder; a classification data set is a folder with ${split}/<class>/<pictures>`,
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
  // Unknown names stand for classes in sorted order, unless a known name contradicts that order.
  if (folders.length === names.length && indices.every((index, i) => index === undefined || index === i)) {
    const other = indices.indexOf(undefined);
    const named = names.some((name, index) => name !== `class${index}`);
    if (named)
      onWarning?.(
        `${root}: folder "${folders[other]}" is used as class ${other}, "${names[other]}": not all folders are named after classes, so they are matched by order`,
      );
    return new Map(folders.map((name, index) => [name, index]));
  }
  const listed = unknown
    .slice(0, 5)
    .map((name) => `"${name}"`)
    .join(", ");
  throw new DatasetError(
    `${root}: has ${folders.length} class folders, the model ${names.length} classes, and ${unknown.length} of the folders match no class (${listed}${unknown.length > 5 ? ", …" : ""}); name the folders after the classes`,
    { folders: folders.length, classes: names.length },
  );
}

/** Index of a class by its name. Ignores case if that is unambiguous among classes and folders. */
function classIndex(names: readonly string[], folders: ReadonlySet<string>): (name: string) => number | undefined {
  const exact = new Map(names.map((name, index) => [name, index]));
  const loose = new Map(
    names.filter((name) => !folders.has(name)).map((name) => [name.toLowerCase(), exact.get(name)]),
  );
  return (name) => exact.get(name) ?? loose.get(name.toLowerCase());
}
