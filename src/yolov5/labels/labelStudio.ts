/** Label Studio's JSON tasks with predictions, for pictures and videos (https://labelstud.io/guide/predictions). */

import { packBrush } from "./brushRle.js";
import { isVisible, keypointNames, type LabelledObject, type LabelledPicture } from "./labelled.js";
import { type LabelledVideo, type ObjectTrack, videoTracks } from "./videoTracks.js";
import { element, xmlText } from "./xml.js";

const MODEL_VERSION = "yolov5-ts";
/** Files below the folder of Label Studio's local storage. */
const addressOf = (fileName: string): string =>
  `/data/local-files/?d=${fileName.split("/").map(encodeURIComponent).join("/")}`;

/**
 * A task for each picture. Objects are rectangles, or polygons where the model finds masks, or brushes where polygons would
 * lose something; visible keypoints belong to their object as its children. Places are in percent of the picture's size.
 */
export function labelStudioImages(pictures: readonly LabelledPicture[]) {
  return pictures.map((picture) => ({
    data: { image: addressOf(picture.fileName) },
    predictions: [{ model_version: MODEL_VERSION, ...scored(picture.objects), result: regionsOf(picture) }],
  }));
}

/** A task for a video: an object's boxes in its frames. Outlines and keypoints are left out, which videos there lack. */
export function labelStudioVideo(video: LabelledVideo) {
  const { fileName, frames, fps } = video;
  const framesCount = (frames.at(-1)?.frame ?? -1) + 1;
  const result = videoTracks(video).map((track, i) => ({
    ...{ id: `object${i + 1}`, type: "videorectangle", from_name: "box", to_name: "video", ...noted(track.id) },
    value: { framesCount, duration: framesCount / fps, labels: [track.name], sequence: sequenceOf(track, video) },
  }));
  const objects = frames.flatMap((frame) => frame.objects);
  return {
    data: { video: addressOf(fileName) },
    predictions: [{ model_version: MODEL_VERSION, ...scored(objects), result }],
  };
}

/**
 * The labelling interface that the tasks need: Label Studio's XML.
 * @param names of the model's classes.
 * @param kind what the tasks show.
 */
export function labelStudioInterface(
  names: readonly string[],
  kind: { readonly video: boolean; readonly outlines: boolean; readonly keypoints: number },
): string {
  const labels = names.map((value) => element("Label", [], { value }));
  if (kind.video) {
    return xmlText(
      element("View", [
        element("Video", [], { name: "video", value: "$video" }),
        element("VideoRectangle", [], { name: "box", toName: "video" }),
        element("Labels", labels, { name: "label", toName: "video" }),
      ]),
    );
  }
  const points = keypointNames(kind.keypoints).map((value) => element("Label", [], { value }));
  const tags: Readonly<Record<string, string>> = kind.outlines
    ? { PolygonLabels: "label", BrushLabels: "brush", RectangleLabels: "box" }
    : { RectangleLabels: "label" };
  return xmlText(
    element("View", [
      element("Image", [], { name: "image", value: "$image" }),
      ...Object.entries(tags).map(([tag, name]) => element(tag, labels, { name, toName: "image" })),
      ...(points.length > 0 ? [element("KeyPointLabels", points, { name: "point", toName: "image" })] : []),
    ]),
  );
}

/** The mean confidence, by which tasks can be sorted; none where there is nothing. */
function scored(objects: readonly LabelledObject[]): { readonly score?: number } {
  if (objects.length === 0) return {};
  return { score: objects.reduce((sum, { confidence }) => sum + confidence, 0) / objects.length };
}

const noted = (track: number | undefined) => (track === undefined ? {} : { meta: { text: [`track ${track}`] } });

function regionsOf({ width, height, objects }: LabelledPicture): object[] {
  const [x, y] = [percentOf(width), percentOf(height)];
  const common = { to_name: "image", original_width: width, original_height: height, image_rotation: 0 };
  return objects.flatMap((object, i): object[] => {
    const { name, confidence: score, track, mask, polygons = [], keypoints = [] } = object;
    const id = `object${i + 1}`;
    const own = { ...common, from_name: "label", score, ...noted(track) };
    if (mask && mask.area > 0 && !object.outlined) {
      const value = { format: "rle", rle: packBrush(mask.rle), brushlabels: [name] };
      return [{ id, type: "brushlabels", ...own, from_name: "brush", value }];
    }
    if (polygons.length > 0) {
      return polygons.map((polygon, part) => {
        const points = Array.from({ length: polygon.length / 2 }, (_, k) => [x(polygon[2 * k]), y(polygon[2 * k + 1])]);
        const value = { points, closed: true, polygonlabels: [name] };
        return { id: part === 0 ? id : `${id}-${part + 1}`, type: "polygonlabels", ...own, value };
      });
    }
    const value = { ...rectangle(object, x, y), rotation: 0, rectanglelabels: [name] };
    const names = keypointNames(keypoints.length);
    const points = keypoints.flatMap((point, k) => {
      if (!isVisible(point)) return [];
      const at = { x: x(point[0]), y: y(point[1]), width: 0.5, keypointlabels: [names[k]] };
      return [{ id: `${id}-${k}`, parentID: id, type: "keypointlabels", ...common, from_name: "point", value: at }];
    });
    // The interface for masks has a tag of its own for the boxes of empty ones.
    const from = mask ? "box" : "label";
    return [{ id, type: "rectanglelabels", ...own, from_name: from, value }, ...points];
  });
}

const percentOf = (size: number) => (value: number) => (100 * value) / size;

function rectangle(
  { xmin, ymin, xmax, ymax }: LabelledObject,
  x: (value: number) => number,
  y: (value: number) => number,
) {
  return { x: x(xmin), y: y(ymin), width: x(xmax - xmin), height: y(ymax - ymin) };
}

/** Frames count from 1; a box holds until the next one, or until it is not `enabled`. */
function sequenceOf({ sights }: ObjectTrack, { width, height }: LabelledVideo): object[] {
  const [x, y] = [percentOf(width), percentOf(height)];
  return sights.map(({ frame, time, object, last }) => {
    return { frame: frame + 1, time, enabled: !last, rotation: 0, ...rectangle(object, x, y) };
  });
}
