/** A data set from Pascal VOC's XML files: one for each picture, with boxes in pixels. */

import { readdir } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import { DatasetError } from "../../errors.js";
import type { DetectionDataset, GroundTruth, Sample } from "../../eval/dataset/types.js";
import { cutText } from "../../weights/describe.js";
import { byName } from "../files/order.js";
import { readFailure } from "../files/regularFile.js";
import type { CocoOptions } from "./coco.js";
import { checkPictureFolder, kindOf, LeftOut, shownPath } from "./files.js";
import { child, childrenOf, numberIn, readXmlFile, textIn } from "./xmlFile.js";
import { sampleOf } from "./yolo.js";

const isXml = (name: string): boolean => extname(name).toLowerCase() === ".xml" && !name.startsWith(".");

/** The folder of VOC's annotations that a path means: itself, or its `Annotations`. */
export async function annotationsIn(folder: string): Promise<string | undefined> {
  for (const path of [join(folder, "Annotations"), folder]) {
    if ((await kindOf(path)) === "folder" && (await readdir(path)).some(isXml)) return path;
  }
  return undefined;
}

/**
 * Boxes are matched to a model's classes by name. Those marked `difficult` are left out.
 * @param folder of the XML files.
 * @throws DatasetError with the file and what is wrong in it.
 */
export async function openVoc(folder: string, options: CocoOptions): Promise<DetectionDataset> {
  await checkPictureFolder(options.images);
  const files = (await readdir(folder)).filter(isXml).sort(byName);
  const samples: Sample[] = [];
  const leftOut = new LeftOut(options.onWarning);
  let difficult = 0;
  let pictures = options.images;
  for (const [index, name] of files.entries()) {
    options.signal?.throwIfAborted();
    const file = join(folder, name);
    const annotation = await parseAnnotation(file, options.names);
    difficult += annotation.difficult;
    pictures ??= await pictureFolder(folder, annotation.fileName);
    const path = await picturePath(pictures, annotation);
    try {
      const sample = await sampleOf(path, annotation.truth, options);
      const { width, height } = annotation;
      if (sample.width !== width || sample.height !== height) {
        throw new DatasetError(
          `${path}: is ${sample.width}×${sample.height}, but ${file} describes ${width}×${height}`,
        );
      }
      samples.push(sample);
    } catch (error) {
      const system = (error as NodeJS.ErrnoException).syscall !== undefined;
      const reason = system ? `${shownPath(path)}: ${readFailure(error, path)}` : (error as Error).message;
      leftOut.add(path, reason);
    }
    options.onProgress?.(index + 1, files.length);
  }
  if (samples.length === 0) {
    throw new DatasetError(`${folder}: none of its ${files.length} pictures could be read from ${pictures}`, {
      folder,
    });
  }
  leftOut.finish(folder);
  const are = difficult === 1 ? "1 box marked as difficult is" : `${difficult} boxes marked as difficult are`;
  if (difficult > 0) options.onWarning?.(`${folder}: ${are} left out`);
  return { name: folder, samples, names: options.names, excluded: leftOut.entries };
}

interface Annotation {
  readonly folder: string;
  readonly fileName: string;
  readonly width: number;
  readonly height: number;
  readonly truth: GroundTruth;
  readonly difficult: number;
}

async function parseAnnotation(file: string, names: readonly string[]): Promise<Annotation> {
  const root = await readXmlFile(file, { root: "annotation", format: "Pascal VOC" });
  const size = child(root, "size");
  const [width, height] = [numberIn(size, "width", file), numberIn(size, "height", file)];
  const fileName = textIn(root, "filename");
  if (fileName === "") throw new DatasetError(`${file}: has no <filename>`, { file });
  if (!(width > 0 && height > 0)) {
    throw new DatasetError(`${file}: <size> needs width and height above 0, not ${width}×${height}`, { file });
  }
  const objects = childrenOf(root, "object");
  const counted = objects.filter((object) => textIn(object, "difficult") !== "1");
  const classes = counted.map((object) => {
    const name = textIn(object, "name");
    const index = names.indexOf(name);
    if (index >= 0) return index;
    throw new DatasetError(
      `${file}: "${cutText(name)}" is not a class of the model; its classes are its labels' names`,
      {
        file,
        name,
      },
    );
  });
  const boxes = counted.map((object) => {
    const box = child(object, "bndbox");
    const at = (side: string, most: number): number => Math.min(Math.max(numberIn(box, side, file), 0), most);
    const [x1, y1, x2, y2] = [at("xmin", width), at("ymin", height), at("xmax", width), at("ymax", height)];
    if (!(x2 > x1 && y2 > y1)) {
      throw new DatasetError(
        `${file}: a <bndbox> of "${cutText(textIn(object, "name"))}" is empty or outside the picture`,
        {
          file,
        },
      );
    }
    return [(x1 + x2) / 2 / width, (y1 + y2) / 2 / height, (x2 - x1) / width, (y2 - y1) / height];
  });
  const truth = {
    classes: Int32Array.from(classes),
    boxes: Float32Array.from(boxes.flat()),
    polygons: boxes.map(() => []),
  };
  return { folder: textIn(root, "folder"), fileName, width, height, truth, difficult: objects.length - counted.length };
}

/** VOC's own layout has `JPEGImages` next to `Annotations`. */
async function pictureFolder(annotations: string, first: string): Promise<string> {
  const above = dirname(annotations);
  const folders = [join(above, "JPEGImages"), join(above, "images"), annotations, above];
  for (const folder of folders) if ((await kindOf(join(folder, basename(first)))) === "file") return folder;
  throw new DatasetError(
    `${annotations}: the picture ${shownPath(first)} is in none of ${folders.join(", ")}; give its folder with --images`,
    { folder: annotations },
  );
}

/** Files may name a picture alone, or in the folder that they mention too. Never outside the given folder. */
async function picturePath(pictures: string, { folder, fileName }: Annotation): Promise<string> {
  const name = basename(fileName);
  const parts = folder.split("/").filter((part) => part !== "" && part !== "." && part !== "..");
  const within = join(pictures, ...parts, name);
  return parts.length > 0 && (await kindOf(within)) === "file" ? within : join(pictures, name);
}
