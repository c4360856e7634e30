/** Parses COCO annotation files (`instances_val2017.json`, `person_keypoints_val2017.json`): pictures, boxes, outlines, keypoints. */

import type { Pieces } from "../../breathe.js";
import { DatasetError } from "../../errors.js";
import { cutText, describeValue } from "../../weights/describe.js";
import type { KeypointShape } from "../../yolov5/graph/heads.js";
import type { Rle } from "../../yolov5/output/masks/rle.js";
import { isPointless, keypointsOf } from "./cocoKeypoints.js";
import { boxAroundMask, cocoMask } from "./cocoMask.js";
import { boxAround } from "./labels.js";
import type { GroundTruth, Polygon } from "./types.js";

export interface CocoPicture {
  readonly id: number | string;
  readonly fileName: string;
  /** The picture's size in pixels according to the annotations, which boxes and outlines refer to; NaN if missing. */
  readonly width: number;
  readonly height: number;
  readonly truth: GroundTruth;
  /** Objects that are left out because no point of theirs is labelled, if keypoints are read. */
  readonly pointless: number;
}

export interface CocoAnnotations {
  readonly pictures: readonly CocoPicture[];
  /** Name of each class index. */
  readonly names: readonly string[];
  /** COCO's category ID of each class index. */
  readonly categoryIds: readonly number[];
  /** Crowd regions and empty boxes, which are not labels. */
  readonly skipped: number;
  /** Boxes outside the picture's annotated size, which are left out too. */
  readonly outside: number;
}

type Json = Readonly<Record<string, unknown>>;

/** An object. */
interface Row {
  readonly classIndex: number;
  readonly box: readonly number[];
  readonly polygons: readonly Polygon[];
  readonly mask: Rle | undefined;
  readonly points: Float32Array | undefined;
}

/** The objects of a list. @throws DatasetError for an entry that is not an object. */
function objectsOf(list: unknown, name: string, file: string): readonly Json[] {
  const entries = list as readonly unknown[];
  const wrong = entries.findIndex((entry) => typeof entry !== "object" || entry === null || Array.isArray(entry));
  if (wrong < 0) return entries as readonly Json[];
  throw new DatasetError(`${file}: ${name}[${wrong}] must be an object, not ${describeValue(entries[wrong])}`, {
    name,
  });
}

const ENTRIES_A_PIECE = 4096;

/** A scalar, or a string with a number, as a number; NaN for anything else, however deeply nested. */
function numberOf(value: unknown): number {
  return typeof value === "object" ? Number.NaN : Number(value);
}

/**
 * Reads annotations in terms of a model's classes, in pieces: COCO's own file has 860,001 annotations. Categories are matched by name if the model has all the names,
 * otherwise by the order of their ids, which requires as many categories as classes. Unused categories are ignored if
 * they do not match.
 * @param file begins every message.
 * @param keypoints reads them too: how many the model has.
 * @throws DatasetError with the entry.
 */
export function* cocoAnnotations(
  content: unknown,
  modelNames: readonly string[],
  file: string,
  keypoints?: KeypointShape,
): Pieces<CocoAnnotations> {
  const root = content as Json;
  const lists = ["images", "annotations", "categories"] as const;
  const missing = lists.find((key) => typeof content !== "object" || content === null || !Array.isArray(root[key]));
  if (missing)
    throw new DatasetError(`${file}: has no list "${missing}", so it is not a COCO annotation file`, { file });
  const categories = objectsOf(root.categories, "categories", file).map(({ id, name, supercategory }) => ({
    id: numberOf(id),
    key: keyOf(numberOf(id)),
    name: typeof name === "string" ? name : describeValue(name),
    parent: supercategory,
  }));
  const annotations = objectsOf(root.annotations, "annotations", file);
  const used = new Set(annotations.map((a) => keyOf(numberOf(a.category_id))));
  const classOf = classesOf(categories, used, modelNames, file);
  const rows = new Map<string, Row[]>();
  const pointless = new Map<string, number>();
  const images = imagesById(objectsOf(root.images, "images", file), file);
  let [skipped, outside] = [0, 0];
  for (const [index, annotation] of annotations.entries()) {
    if (index % ENTRIES_A_PIECE === 0) yield;
    const at = `${file}: annotations[${index}]`;
    const image = images.get(keyOf(annotation.image_id));
    if (!image) {
      const id = describeValue(annotation.image_id);
      throw new DatasetError(`${at}: image_id ${id} is not in "images"`, { index });
    }
    const classIndex = classOf.get(keyOf(numberOf(annotation.category_id)));
    if (classIndex === undefined) {
      const id = describeValue(annotation.category_id);
      throw new DatasetError(`${at}: category_id ${id} is not in "categories"`, { index });
    }
    const [width, height] = [numberOf(image.width), numberOf(image.height)];
    if (!(width > 0 && height > 0)) {
      const id = describeValue(image.id);
      throw new DatasetError(`${file}: image ${id} needs its width and height above 0, not ${width}×${height}`, {});
    }
    const polygons = polygonsOf(annotation.segmentation, width, height);
    const mask = numberOf(annotation.iscrowd) === 1 ? undefined : cocoMask(annotation.segmentation, width, height, at);
    const box =
      boxOf(annotation.bbox, width, height, at) ??
      (polygons[0] && boxAround(polygons.flatMap((p) => [...p]))) ??
      (mask && boxAroundMask(mask));
    if (!box) throw new DatasetError(`${at}: has neither "bbox" nor an outline in "segmentation"`, { index });
    if (numberOf(annotation.iscrowd) === 1 || !(box[2] > 0 && box[3] > 0)) {
      if (numberOf(annotation.iscrowd) !== 1 && hasExtent(annotation.bbox)) outside++;
      else skipped++;
      continue;
    }
    const key = keyOf(annotation.image_id);
    const points = keypoints && keypointsOf(annotation.keypoints, keypoints, [width, height], at);
    if (isPointless(points)) {
      pointless.set(key, (pointless.get(key) ?? 0) + 1);
      continue;
    }
    const list = rows.get(key) ?? [];
    list.push({ classIndex, box, polygons, mask, points });
    rows.set(key, list);
  }
  const pictures: CocoPicture[] = [];
  for (const [key, image] of images) {
    if (pictures.length % ENTRIES_A_PIECE === 0) yield;
    const id = image.id as number | string;
    if (typeof image.file_name !== "string") {
      throw new DatasetError(`${file}: image ${describeValue(id)} has no "file_name"`, {});
    }
    const own = rows.get(key) ?? [];
    pictures.push({
      id,
      fileName: image.file_name,
      width: numberOf(image.width),
      height: numberOf(image.height),
      truth: {
        classes: Int32Array.from(own, ({ classIndex }) => classIndex),
        boxes: Float32Array.from(own.flatMap(({ box }) => box)),
        polygons: own.map(({ polygons }) => polygons),
        ...(own.some(({ mask }) => mask) ? { masks: own.map(({ mask }) => mask) } : {}),
        ...(keypoints ? { keypoints: own.map(({ points }) => points) } : {}),
      },
      pointless: pointless.get(key) ?? 0,
    });
  }
  const classes = categories.filter(({ key }) => classOf.has(key));
  const byClass = classes.sort((a, b) => (classOf.get(a.key) ?? 0) - (classOf.get(b.key) ?? 0));
  return {
    pictures,
    names: namesOf(byClass, classOf),
    categoryIds: idsOf(byClass, classOf),
    skipped,
    outside,
  };
}

/**
 * An id as a map key. Some tools write ids as strings, and not always consistently. Numeric keys would be hashed
 * without a seed, so a malicious file could choose colliding ones.
 */
const keyOf = (id: unknown): string => describeValue(id, Number.POSITIVE_INFINITY);

/** @throws DatasetError if two pictures share an id, which makes annotations ambiguous. */
function imagesById(images: readonly Json[], file: string): Map<string, Json> {
  const byId = new Map<string, Json>();
  for (const image of images) {
    const key = keyOf(image.id);
    if (typeof image.id !== "number" && typeof image.id !== "string") {
      throw new DatasetError(`${file}: an image's id must be a number or a string, not ${key}`, { id: key });
    }
    const first = byId.get(key);
    if (first && first.file_name !== image.file_name) {
      throw new DatasetError(
        `${file}: "images" has the id ${cutText(key)} twice, for ${describeValue(first.file_name)} and ` +
          `${describeValue(image.file_name)}; give each picture a unique id`,
        { id: key },
      );
    }
    if (!first) byId.set(key, image);
  }
  return byId;
}

/** For a box that has already been checked. */
const hasExtent = (bbox: unknown): boolean => Array.isArray(bbox) && bbox[2] > 0 && bbox[3] > 0;

interface Category {
  readonly id: number;
  readonly key: string;
  readonly name: string;
  /** The parent category. */
  readonly parent: unknown;
}

/** Class index by category key; unused categories whose name is not a class have none. */
function classesOf(
  categories: readonly Category[],
  used: ReadonlySet<string>,
  modelNames: readonly string[],
  file: string,
): Map<string, number> {
  const known = new Map(modelNames.map((name, index) => [name, index]));
  if (
    categories.every(({ key, name }) => known.has(name) || !used.has(key)) &&
    categories.some((c) => known.has(c.name))
  ) {
    const named = categories.filter(({ name }) => known.has(name));
    return new Map(named.map(({ key, name }) => [key, known.get(name) ?? 0]));
  }
  const fitting = choices(categories, used).find((choice) => choice.length === modelNames.length);
  if (fitting) return new Map([...fitting].sort((a, b) => a.id - b.id).map(({ key }, index) => [key, index]));
  const unknown = categories.filter(({ name }) => !known.has(name));
  const listed = unknown.slice(0, 5).map(({ name }) => `"${cutText(name)}"`);
  throw new DatasetError(
    `${file}: has ${categories.length} categories, the model ${modelNames.length} classes, and ${unknown.length} of the categories match no class (${listed.join(", ")}${unknown.length > 5 ? ", …" : ""}); use annotations for the model's classes`,
    { categories: categories.length, classes: modelNames.length },
  );
}

/**
 * Candidate sets of categories for the model's classes: all; those that are not a parent (Roboflow's category 0);
 * those in use.
 */
function choices(categories: readonly Category[], used: ReadonlySet<string>): (readonly Category[])[] {
  const parents = new Set(categories.map(({ parent }) => parent));
  return [
    categories,
    categories.filter(({ key, name }) => used.has(key) || !parents.has(name)),
    categories.filter(({ key }) => used.has(key)),
  ];
}

function namesOf(categories: readonly Category[], classOf: ReadonlyMap<string, number>): string[] {
  const names: string[] = [];
  for (const { key, name } of categories) names[classOf.get(key) ?? 0] = name;
  return Array.from(names, (name, index) => name ?? `class${index}`);
}

function idsOf(categories: readonly Category[], classOf: ReadonlyMap<string, number>): number[] {
  const ids: number[] = [];
  for (const { id, key } of categories) ids[classOf.get(key) ?? 0] = id;
  return Array.from(ids, (id, index) => id ?? index);
}

/** Upper left corner and size in pixels → centre and size, normalised and within the picture. */
function boxOf(value: unknown, width: number, height: number, at: string): number[] | undefined {
  if (value === undefined || value === null || (Array.isArray(value) && value.length === 0)) return undefined;
  if (!Array.isArray(value) || value.length !== 4 || !value.every((v) => typeof v === "number" && Number.isFinite(v))) {
    throw new DatasetError(`${at}: "bbox" must be four numbers (x, y, width, height), not ${shownBox(value)}`, {});
  }
  const clamp = (v: number, size: number): number => Math.min(Math.max(v, 0), size);
  const [x, y, w, h] = value as number[];
  const [x1, x2] = [clamp(x, width), clamp(x + w, width)];
  const [y1, y2] = [clamp(y, height), clamp(y + h, height)];
  return [(x1 + x2) / 2 / width, (y1 + y2) / 2 / height, (x2 - x1) / width, (y2 - y1) / height];
}

/** The value, if it is short and numeric. */
function shownBox(value: unknown): string {
  return Array.isArray(value) && value.length <= 8
    ? `[${value.map((v) => describeValue(v)).join(",")}]`
    : describeValue(value);
}

/** Outlines in pixels → normalised; none for run lengths. */
function polygonsOf(value: unknown, width: number, height: number): Polygon[] {
  if (!Array.isArray(value)) return [];
  return value
    .filter((outline) => Array.isArray(outline) && outline.length >= 6)
    .map((outline) => Float32Array.from(outline as unknown[], (v, i) => numberOf(v) / (i % 2 === 0 ? width : height)));
}
