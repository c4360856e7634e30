/** CVAT's XML, version 1.1, for images and for videos (https://docs.cvat.ai/docs/dataset_management/formats/format-cvat/). */

import { isVisible, type LabelledObject, type LabelledPicture, rounded } from "./labelled.js";
import { rowRuns } from "./rowRuns.js";
import { type LabelledVideo, type Sight, videoTracks } from "./videoTracks.js";
import { element, type XmlElement, xmlText } from "./xml.js";

/**
 * Pictures as "CVAT for images": a `box` for each object, or a `mask` where the model finds one; its visible keypoints as
 * `points`, in one group with the box. Confidences, tracks and the points' indices are attributes.
 * @param names of the model's classes.
 */
export function cvatImages(pictures: readonly LabelledPicture[], names: readonly string[]): string {
  let groups = 0;
  const posed = pictures.some(({ objects }) => objects.some(({ keypoints }) => keypoints));
  const images = pictures.map(({ fileName, width, height, objects }, id) => {
    const shapes = objects.flatMap((object) => shapesOf(object, object.keypoints ? ++groups : 0));
    return element("image", shapes, { id, name: fileName, width, height });
  });
  return documentOf(meta(names, "annotation", pictures.length, posed), images);
}

/**
 * A video as "CVAT for videos": a `track` for each object, of boxes. Frames are those of the source, from 0. The format has
 * no tracks of masks or keypoints that all versions read, so both are left out.
 */
export function cvatVideo(video: LabelledVideo, names: readonly string[]): string {
  const { width, height, frames } = video;
  const size = (frames.at(-1)?.frame ?? -1) + 1;
  const tracks = videoTracks(video).map(({ name, sights }, id) =>
    element("track", boxesOf(sights, size), { id, label: name, source: "auto" }),
  );
  const original = element("original_size", [element("width", width), element("height", height)]);
  return documentOf([...meta(names, "interpolation", size), original], tracks);
}

function documentOf(task: readonly XmlElement[], content: readonly XmlElement[]): string {
  const head = [element("version", "1.1"), element("meta", [element("task", task)])];
  return xmlText(element("annotations", [...head, ...content]));
}

/** The last one numbers the points of an object, because only visible ones are labels. */
const ATTRIBUTES = ["confidence", "track_id", "keypoints"];

function meta(names: readonly string[], mode: string, size: number, posed = false): XmlElement[] {
  const attributes = (posed ? ATTRIBUTES : ATTRIBUTES.slice(0, 2)).map((name) =>
    element("attribute", [
      ...[element("name", name), element("mutable", name === "confidence" ? "True" : "False")],
      ...[element("input_type", "text"), element("default_value", ""), element("values", "")],
    ]),
  );
  const labels = names.map((name) => element("label", [element("name", name), element("attributes", attributes)]));
  return [
    ...[element("name", "yolov5-ts"), element("size", size), element("mode", mode)],
    ...[element("start_frame", 0), element("stop_frame", Math.max(size - 1, 0)), element("labels", labels)],
  ];
}

const boxOf = ({ xmin, ymin, xmax, ymax }: LabelledObject) => ({
  ...{ xtl: rounded(xmin), ytl: rounded(ymin), xbr: rounded(xmax), ybr: rounded(ymax) },
});

function attributesOf({ confidence, track }: LabelledObject): XmlElement[] {
  const own = [element("attribute", confidence, { name: "confidence" })];
  return track === undefined ? own : [...own, element("attribute", track, { name: "track_id" })];
}

function shapesOf(object: LabelledObject, group: number): XmlElement[] {
  const { name: label, mask, keypoints } = object;
  const common = { label, source: "auto", occluded: 0, z_order: 0, ...(group === 0 ? {} : { group_id: group }) };
  const attributes = attributesOf(object);
  if (mask && mask.area > 0) {
    const { left, top, width, height, runs } = rowRuns(mask.rle);
    return [element("mask", attributes, { ...common, rle: runs.join(", "), left, top, width, height })];
  }
  const shapes = [element("box", attributes, { ...common, ...boxOf(object) })];
  const visible = [...(keypoints ?? []).entries()].filter(([, point]) => isVisible(point));
  if (visible.length === 0) return shapes;
  const points = visible.map(([, [x, y]]) => `${rounded(x)},${rounded(y)}`).join(";");
  const indices = element("attribute", visible.map(([i]) => i).join(" "), { name: "keypoints" });
  return [...shapes, element("points", [indices], { ...common, points })];
}

/** A box for each frame; where the object is gone, one that is `outside`. */
function boxesOf(sights: readonly Sight[], size: number): XmlElement[] {
  return sights.flatMap(({ frame, object, last }) => {
    const common = { occluded: 0, keyframe: 1, ...boxOf(object), z_order: 0 };
    const seen = element("box", attributesOf(object), { frame, outside: 0, ...common });
    if (!last || frame + 1 >= size) return [seen];
    return [seen, element("box", [], { frame: frame + 1, outside: 1, ...common })];
  });
}
