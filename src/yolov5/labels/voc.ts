/** Pascal VOC's XML, one file a picture (The PASCAL VOC2012 Development Kit, section 9): boxes. */

import { type LabelledPicture, rounded } from "./labelled.js";
import { element, xmlText } from "./xml.js";

/**
 * The boxes of a picture. Coordinates count from 0 and have two decimals; confidences and tracks are in `attributes`,
 * as CVAT writes them. The format has no outlines and no keypoints.
 */
export function vocLabels({ fileName, width, height, objects }: LabelledPicture): string {
  const folder = fileName.includes("/") ? fileName.slice(0, fileName.lastIndexOf("/")) : "";
  return xmlText(
    element("annotation", [
      element("folder", folder),
      element("filename", fileName.slice(folder === "" ? 0 : folder.length + 1)),
      element("source", [element("database", "yolov5-ts"), element("annotation", "yolov5-ts")]),
      element("size", [element("width", width), element("height", height), element("depth", 3)]),
      element("segmented", 0),
      ...objects.map(({ name, xmin, ymin, xmax, ymax, confidence, track }) =>
        element("object", [
          ...[element("name", name), element("pose", "Unspecified"), element("truncated", 0), element("difficult", 0)],
          element("bndbox", [
            element("xmin", rounded(xmin)),
            element("ymin", rounded(ymin)),
            element("xmax", rounded(xmax)),
            element("ymax", rounded(ymax)),
          ]),
          element("attributes", [
            attribute("confidence", confidence),
            ...(track === undefined ? [] : [attribute("track_id", track)]),
          ]),
        ]),
      ),
    ]),
  );
}

const attribute = (name: string, value: number) =>
  element("attribute", [element("name", name), element("value", value)]);
