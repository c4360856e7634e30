/** Label Studio's JSON tasks of pictures as COCO's annotations: rectangles, polygons, brushes, and keypoints as children. */

import type { Pieces } from "../../breathe.js";
import { DatasetError, ShapeError } from "../../errors.js";
import { DecodeBudget } from "../../image/limits.js";
import { cutText, describeValue } from "../../weights/describe.js";
import type { KeypointShape } from "../../yolov5/graph/heads.js";
import { keypointNames, unpackBrush } from "../../yolov5/labels/index.js";
import { encodeRle } from "../../yolov5/output/masks/rle.js";
import { asCoco, boxAroundPoints, type ToolObject, type ToolPicture } from "./asCoco.js";

type Json = Readonly<Record<string, unknown>>;

/** What a file's tasks are read with. */
interface LabelStudioOptions {
  readonly names: readonly string[];
  readonly keypoints?: KeypointShape | undefined;
  readonly maxPixels?: number | undefined;
  readonly onWarning?: ((message: string) => void) | undefined;
}

const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Tasks are a list of objects with `data`; COCO's annotations are an object. */
export const isLabelStudio = (content: unknown): content is readonly Json[] =>
  Array.isArray(content) && content.length > 0 && content.every((task) => isObject(task) && isObject(task.data));

/**
 * People's annotations count before predictions; of several, the first that is not cancelled.
 * @throws DatasetError with the task; ImageError for brushes above the limit of `maxPixels`.
 */
export function* labelStudioAsCoco(tasks: readonly Json[], file: string, options: LabelStudioOptions): Pieces<object> {
  const unread = new Set<string>();
  const pictures: ToolPicture[] = [];
  for (const [i, task] of tasks.entries()) {
    pictures.push(yield* pictureOf(task, `${file}: task ${i + 1}`, options, unread));
  }
  if (unread.size > 0) {
    const kinds = [...unread].map((kind) => cutText(kind)).join(", ");
    options.onWarning?.(
      `${file}: regions of the kind ${kinds} are not read; use rectangles, polygons, brushes and keypoints`,
    );
  }
  return asCoco(pictures, options.names, options.keypoints);
}

/** Regions that are objects. */
const SHAPES = ["rectanglelabels", "polygonlabels", "brushlabels"];

/** A piece is a region: brushes may be many, and large. */
function* pictureOf(task: Json, at: string, options: LabelStudioOptions, unread: Set<string>): Pieces<ToolPicture> {
  const data = task.data as Json;
  const address = typeof data.image === "string" ? data.image : undefined;
  if (address === undefined) {
    const why = typeof data.video === "string" ? "is of a video, and val reads pictures" : 'has no "image" in its data';
    throw new DatasetError(`${at} ${why}`, { at });
  }
  const regions = regionsOf(task);
  const sized = regions.find((region) => isObject(region.value) && "original_width" in region);
  const [width, height] = [Number(sized?.original_width ?? Number.NaN), Number(sized?.original_height ?? Number.NaN)];
  const shapes = regions.filter(({ type }) => SHAPES.includes(String(type)));
  for (const { type } of regions) {
    if (type !== "keypointlabels" && !SHAPES.includes(String(type))) unread.add(describeValue(type));
  }
  if (shapes.length > 0 && !(width > 0 && height > 0)) {
    throw new DatasetError(`${at}: its regions need original_width and original_height above 0`, { at });
  }
  const scale = { x: width / 100, y: height / 100, width, height, at };
  const names = keypointNames(options.keypoints?.count ?? 0);
  const budget = new DecodeBudget(`${at}: a brush`, options);
  const objects = new Map<string, ToolObject>();
  for (const [i, region] of shapes.entries()) {
    yield;
    // Before its mask is allocated: the numbers are the file's.
    if (region.type === "brushlabels") budget.size(width, height);
    const id = typeof region.id === "string" ? region.id : `#${i}`;
    const object = objectOf(region, scale, pointsOf(id, regions, names, scale));
    if (!object) continue;
    // Parts of one outline have its ID and a number.
    const [, whole] = /^(.+)-\d+$/.exec(id) ?? [];
    const first = whole === undefined ? undefined : objects.get(whole);
    if (first && whole !== undefined && first.polygons.length > 0 && first.label === object.label) {
      const polygons = [...first.polygons, ...object.polygons];
      objects.set(whole, { ...first, polygons, box: boxAroundPoints(polygons.flat()) });
    } else objects.set(objects.has(id) ? `${id} #${i}` : id, object);
  }
  return { fileName: fileNameOf(address), width, height, objects: [...objects.values()] };
}

/** The file below the local storage, or the last part of an address. */
function fileNameOf(address: string): string {
  const [path, query = ""] = address.split("?", 2);
  const local = new URLSearchParams(query).get("d");
  if (local) return local.replace(/^\/+/, "");
  const name = path.slice(path.lastIndexOf("/") + 1);
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

function regionsOf(task: Json): readonly Json[] {
  const lists = [task.annotations, task.completions, task.predictions];
  for (const list of lists) {
    const own = Array.isArray(list) ? list.find((entry) => isObject(entry) && entry.was_cancelled !== true) : undefined;
    if (isObject(own) && Array.isArray(own.result)) return own.result.filter(isObject);
  }
  return [];
}

interface Scale {
  readonly x: number;
  readonly y: number;
  /** Of the picture. */
  readonly width: number;
  readonly height: number;
  readonly at: string;
}

/** @returns undefined for a brush that has been wiped away. */
function objectOf({ type, value }: Json, scale: Scale, points: ToolObject["points"]): ToolObject | undefined {
  const own = isObject(value) ? value : {};
  const labels = own[String(type)];
  const label = Array.isArray(labels) ? labels[0] : undefined;
  if (typeof label !== "string") throw new DatasetError(`${scale.at}: a region has no label`, {});
  if (type === "brushlabels") {
    const mask = maskOf(own, scale);
    const { x0, y0, x1, y1, data } = mask;
    if (data.length === 0) return undefined;
    return { label, box: [x0, y0, x1 - x0, y1 - y0], polygons: [], mask: encodeRle(mask), points };
  }
  if (type === "polygonlabels") {
    const pairs = Array.isArray(own.points) ? own.points : [];
    const outline = pairs.flatMap((pair) => {
      const [x, y] = Array.isArray(pair) ? pair : [];
      return [numberOf(x, "points", scale) * scale.x, numberOf(y, "points", scale) * scale.y];
    });
    if (outline.length < 6) throw new DatasetError(`${scale.at}: a polygon needs three points or more`, {});
    return { label, box: boxAroundPoints(outline), polygons: [outline], points };
  }
  const [x, y] = [numberOf(own.x, "x", scale) * scale.x, numberOf(own.y, "y", scale) * scale.y];
  const [w, h] = [numberOf(own.width, "width", scale) * scale.x, numberOf(own.height, "height", scale) * scale.y];
  const angle = (numberOf(own.rotation ?? 0, "rotation", scale) * Math.PI) / 180;
  if (angle === 0) return { label, box: [x, y, w, h], polygons: [], points };
  // Turned clockwise around its upper left corner.
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const corners = [
    [0, 0],
    [w, 0],
    [w, h],
    [0, h],
  ].flatMap(([dx, dy]) => [x + dx * cos - dy * sin, y + dx * sin + dy * cos]);
  return { label, box: boxAroundPoints(corners), polygons: [corners], points };
}

function maskOf({ format, rle }: Json, scale: Scale): ReturnType<typeof unpackBrush> {
  const isByte = (value: unknown): boolean => Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 255;
  if (format !== "rle" || !Array.isArray(rle) || !rle.every(isByte)) {
    throw new DatasetError(`${scale.at}: a brush needs "format": "rle", and bytes as "rle"`, {});
  }
  try {
    return unpackBrush(rle, scale);
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error;
    throw new DatasetError(`${scale.at}: ${error.message}`, {});
  }
}

function pointsOf(id: string, regions: readonly Json[], names: readonly string[], scale: Scale): ToolObject["points"] {
  const points = new Map<number, readonly [number, number]>();
  for (const { type, parentID, value } of regions) {
    if (type !== "keypointlabels" || parentID !== id || !isObject(value)) continue;
    const labels = value.keypointlabels;
    const index = Array.isArray(labels) ? names.indexOf(String(labels[0])) : -1;
    if (index < 0) continue;
    points.set(index, [numberOf(value.x, "x", scale) * scale.x, numberOf(value.y, "y", scale) * scale.y]);
  }
  return points;
}

function numberOf(value: unknown, name: string, { at }: Scale): number {
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw new DatasetError(`${at}: ${name} of a region must be a number, not ${describeValue(value)}`, {});
}
