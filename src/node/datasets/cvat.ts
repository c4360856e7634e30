/** CVAT's XML (version 1.1, "for images") as a data set: boxes, polygons, masks, and points in a group with their object. */

import type { XmlElement } from "@rgrove/parse-xml";
import { Breather, type Pieces } from "../../breathe.js";
import { DatasetError } from "../../errors.js";
import type { DetectionDataset } from "../../eval/dataset/types.js";
import { DecodeBudget } from "../../image/limits.js";
import { cutText } from "../../weights/describe.js";
import { encodeRle, type Rle } from "../../yolov5/output/masks/rle.js";
import { asCoco, boxAroundPoints, type ToolObject, type ToolPicture } from "./asCoco.js";
import { type CocoOptions, openAnnotations } from "./coco.js";
import { attributeNumber, attributeOf, child, childrenOf, readXmlFile, textIn } from "./xmlFile.js";

/** @throws DatasetError with the file and the invalid element; ImageError for masks above the limit of `maxPixels`. */
export async function openCvat(file: string, options: CocoOptions): Promise<DetectionDataset> {
  const root = await readXmlFile(file, { root: "annotations", format: "CVAT" });
  if (childrenOf(root, "track").length > 0 || textIn(taskOf(root) ?? root, "mode") === "interpolation") {
    throw new DatasetError(
      `${file}: labels a video, and val reads pictures; export its frames from CVAT as "CVAT for images" or "COCO"`,
      { file },
    );
  }
  const images = childrenOf(root, "image");
  const unread = new Set<string>();
  const breather = new Breather(options.signal);
  const budget = new DecodeBudget(`${file}: an <image> with a <mask>`, options);
  const pictures: ToolPicture[] = [];
  for (const image of images) pictures.push(await breather.through(pictureOf(image, file, unread, budget)));
  if (unread.size > 0) {
    const tags = [...unread].map((name) => `<${cutText(name)}>`).join(", ");
    options.onWarning?.(`${file}: shapes of the kind ${tags} are not read; use boxes, polygons, masks and points`);
  }
  return openAnnotations(file, asCoco(pictures, labelsOf(root), options.keypoints), options);
}

/** A task, a job of one, or a project. */
function taskOf(root: XmlElement): XmlElement | undefined {
  const meta = child(root, "meta");
  return meta && (child(meta, "task") ?? child(meta, "job") ?? child(meta, "project"));
}

function labelsOf(root: XmlElement): string[] {
  const task = taskOf(root);
  const labels = task && child(task, "labels");
  return labels ? childrenOf(labels, "label").map((label) => textIn(label, "name")) : [];
}

/** A piece is a shape: masks may be many, and large. */
function* pictureOf(image: XmlElement, file: string, unread: Set<string>, budget: DecodeBudget): Pieces<ToolPicture> {
  const fileName = attributeOf(image, "name");
  if (fileName === "") throw new DatasetError(`${file}: an <image> has no name`, { file });
  const [width, height] = [attributeNumber(image, "width", file), attributeNumber(image, "height", file)];
  if (!(width > 0 && height > 0)) {
    throw new DatasetError(`${file}: <image> needs width and height above 0, not ${width}×${height}`, { file });
  }
  const points = new Map<string, ToolObject["points"]>();
  for (const shape of childrenOf(image, "points")) points.set(attributeOf(shape, "group_id"), keypointsOf(shape, file));
  const objects: ToolObject[] = [];
  for (const shape of image.children) {
    if (!("name" in shape) || shape.name === "points" || shape.name === "tag") continue;
    yield;
    // Before its bitmap is allocated: the numbers are the file's.
    if (shape.name === "mask") budget.size(width, height);
    const place = placeOf(shape as XmlElement, [width, height], file);
    if (!place) {
      unread.add(shape.name as string);
      continue;
    }
    const group = attributeOf(shape as XmlElement, "group_id");
    const own = group === "" || group === "0" ? undefined : points.get(group);
    objects.push({ label: attributeOf(shape as XmlElement, "label"), ...place, points: own ?? new Map() });
  }
  return { fileName, width, height, objects };
}

type Place = Pick<ToolObject, "box" | "polygons" | "mask">;

/** Undefined for shapes that are not objects of a data set. */
function placeOf(shape: XmlElement, size: readonly [number, number], file: string): Place | undefined {
  const at = (name: string): number => attributeNumber(shape, name, file);
  switch (shape.name) {
    case "box":
      return { box: [at("xtl"), at("ytl"), at("xbr") - at("xtl"), at("ybr") - at("ytl")], polygons: [] };
    case "polygon": {
      const outline = numbersIn(attributeOf(shape, "points"), /[,;]/, "points", file);
      if (outline.length < 6 || outline.length % 2 !== 0) {
        throw new DatasetError(`${file}: points of <polygon> must be three or more, x,y;x,y;x,y`, { file });
      }
      return { box: boxAroundPoints(outline), polygons: [outline] };
    }
    case "mask": {
      const box = [at("left"), at("top"), at("width"), at("height")] as const;
      return { box, polygons: [], mask: maskOf(shape, box, size, file) };
    }
    default:
      return undefined;
  }
}

/** Run lengths along the rows of a box as a mask of the picture. */
function maskOf(
  shape: XmlElement,
  [left, top, width, height]: ToolObject["box"],
  [across, down]: readonly [number, number],
  file: string,
): Rle {
  const size = width * height;
  const whole = [left, top, width, height].every(Number.isInteger);
  if (!(whole && left >= 0 && top >= 0 && width > 0 && height > 0 && left + width <= across && top + height <= down)) {
    throw new DatasetError(`${file}: <mask> of ${width}×${height} does not fit into its <image>`, { file });
  }
  const runs = numbersIn(attributeOf(shape, "rle"), ",", "rle", file);
  const bitmap = new Uint8Array(size);
  let at = 0;
  for (const [i, run] of runs.entries()) {
    if (run < 0) throw new DatasetError(`${file}: rle of <mask> has the run ${run}`, { file });
    if (i % 2 === 1) bitmap.fill(1, at, at + run);
    at += run;
  }
  if (at !== size) {
    throw new DatasetError(`${file}: rle of <mask> has ${at} pixels, not ${width}×${height}`, { file });
  }
  const place = { x0: left, y0: top, x1: left + width, y1: top + height };
  return encodeRle({ width: across, height: down, ...place, data: bitmap });
}

/** The indices of points are in an attribute, since only those that are visible are labelled; without it, they count from 0. */
function keypointsOf(shape: XmlElement, file: string): ToolObject["points"] {
  const places = numbersIn(attributeOf(shape, "points"), /[,;]/, "points", file);
  const named = childrenOf(shape, "attribute").find((attribute) => attributeOf(attribute, "name") === "keypoints");
  const text = named?.text.trim() ?? "";
  const count = places.length / 2;
  const indices = text === "" ? Array.from({ length: count }, (_, i) => i) : numbersIn(text, /\s+/, "keypoints", file);
  if (indices.length !== count) {
    throw new DatasetError(
      `${file}: a <points> has ${count} points, but its attribute "keypoints" numbers ${indices.length}; correct it in CVAT`,
      { file },
    );
  }
  return new Map(indices.map((index, i) => [index, [places[2 * i], places[2 * i + 1]]]));
}

function numbersIn(text: string, separator: string | RegExp, name: string, file: string): number[] {
  return text.split(separator).map((word) => {
    const value = word.trim() === "" ? Number.NaN : Number(word);
    if (Number.isFinite(value)) return value;
    throw new DatasetError(`${file}: ${name} must be numbers, got "${cutText(word.trim())}"`, { file });
  });
}
