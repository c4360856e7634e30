/** A data set from annotations in COCO's shape: finds the pictures and checks that they are the annotated ones. */

import { basename, dirname, extname, join } from "node:path";
import { Breather } from "../../breathe.js";
import { DatasetError } from "../../errors.js";
import { type CocoAnnotations, type CocoPicture, cocoAnnotations } from "../../eval/dataset/cocoJson.js";
import type { DetectionDataset, Sample } from "../../eval/dataset/types.js";
import { readJsonFile } from "../files/jsonFile.js";
import { readFailure } from "../files/regularFile.js";
import { checkPictureFolder, kindOf, LeftOut, shownPath } from "./files.js";
import { isLabelStudio, labelStudioAsCoco } from "./labelStudio.js";
import { type ReadOptions, sampleOf } from "./yolo.js";

export interface CocoOptions extends ReadOptions {
  /** The model's class names, to which COCO's categories are mapped. */
  readonly names: readonly string[];
  /** Folder of the pictures. Default: COCO's own layout, or next to the file. */
  readonly images?: string | undefined;
}

/**
 * COCO's annotations, or Label Studio's tasks.
 * @throws DatasetError with the file and the invalid entry.
 */
export async function openCoco(file: string, options: CocoOptions): Promise<DetectionDataset> {
  let content: unknown;
  try {
    content = await readJsonFile(file, options.signal);
  } catch (error) {
    options.signal?.throwIfAborted();
    const why = error instanceof SyntaxError ? `is not valid JSON: ${error.message}` : readFailure(error, file);
    throw new DatasetError(`${file}: ${why}`, { file }, { cause: error });
  }
  if (!isLabelStudio(content)) return openAnnotations(file, content, options);
  const annotations = await new Breather(options.signal).through(labelStudioAsCoco(content, file, options));
  return openAnnotations(file, annotations, options);
}

/**
 * The pictures of annotations in COCO's shape.
 * @param file begins every message.
 * @throws DatasetError with the file and the invalid entry.
 */
export async function openAnnotations(file: string, content: unknown, options: CocoOptions): Promise<DetectionDataset> {
  const breather = new Breather(options.signal);
  const annotations = await breather.through(cocoAnnotations(content, options.names, file, options.keypoints));
  const { pictures, names, categoryIds } = annotations;
  if (pictures.length === 0) throw new DatasetError(`${file}: lists no pictures`, { file });
  await checkPictureFolder(options.images);
  const folder = options.images ?? (await pictureFolder(file, pictures[0].fileName));
  const samples: Sample[] = [];
  const leftOut = new LeftOut(options.onWarning);
  const resized: string[] = [];
  let pointless = 0;
  for (const [index, picture] of pictures.entries()) {
    options.signal?.throwIfAborted();
    pointless += picture.pointless;
    // Correct detections would count as wrong there.
    if (picture.pointless > 0 && picture.truth.classes.length === 0) continue;
    const path = join(folder, picture.fileName);
    try {
      const given = await sampleOf(path, picture.truth, options, picture.id);
      const other = isOfAnotherSize(picture, given);
      // A mask is of the annotated size, pixel by pixel.
      const sample = other ? { ...given, truth: { ...given.truth, masks: undefined } } : given;
      samples.push(sample);
      if (other) {
        resized.push(`${path} is ${sample.width}×${sample.height}, not ${picture.width}×${picture.height}`);
      }
    } catch (error) {
      const system = (error as NodeJS.ErrnoException).syscall !== undefined;
      const reason = system ? `${shownPath(path)}: ${readFailure(error, path)}` : (error as Error).message;
      leftOut.add(path, reason);
    }
    options.onProgress?.(index + 1, pictures.length);
  }
  if (samples.length === 0) {
    throw new DatasetError(`${file}: none of its ${pictures.length} pictures could be read from ${folder}`, { folder });
  }
  leftOut.finish(file);
  for (const warning of warningsOf(annotations, resized, pointless)) options.onWarning?.(`${file}: ${warning}`);
  return { name: file, samples, names, categoryIds, excluded: leftOut.entries };
}

function isOfAnotherSize(picture: CocoPicture, sample: Sample): boolean {
  return picture.truth.classes.length > 0 && (picture.width !== sample.width || picture.height !== sample.height);
}

/** Warns about annotations that are not used as written. */
function warningsOf({ skipped, outside }: CocoAnnotations, resized: readonly string[], pointless: number): string[] {
  const warnings: string[] = [];
  if (pointless > 0) {
    const [objects, are] = pointless === 1 ? ["1 object", "is"] : [`${pointless} objects`, "are"];
    warnings.push(`${objects} without a labelled keypoint ${are} left out, and pictures that have no others`);
  }
  if (skipped > 0) warnings.push(`${skipped} crowd regions or empty boxes are left out`);
  if (outside > 0) {
    const [boxes, are] = outside === 1 ? ["1 box", "is"] : [`${outside} boxes`, "are"];
    warnings.push(`${boxes} outside the width and height given in "images" ${are} left out`);
  }
  if (resized.length > 0) {
    const many = resized.length === 1 ? "1 picture has" : `${resized.length} pictures have`;
    warnings.push(
      `${many} a different size than the annotations say, so boxes may not fit (${resized[0]}); ` +
        "give the pictures that were annotated, or correct width and height",
    );
  }
  return warnings;
}

/**
 * The pictures of `annotations/instances_val2017.json` are in `val2017` or `images/val2017`; other files have them in
 * their own folder.
 */
async function pictureFolder(file: string, first: string): Promise<string> {
  const beside = dirname(file);
  const above = join(beside, "..");
  const set = basename(file, extname(file)).replace(/^(instances|person_keypoints|captions)_/, "");
  const folders = [
    beside,
    join(beside, "images"),
    join(beside, set),
    above,
    join(above, "images"),
    join(above, set),
    join(above, "images", set),
  ];
  for (const folder of folders) if ((await kindOf(join(folder, first))) === "file") return folder;
  throw new DatasetError(
    `${file}: its picture ${shownPath(first)} is in none of ${folders.join(", ")}; give their folder with --images`,
    {
      file,
    },
  );
}
