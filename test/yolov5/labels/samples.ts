/** Objects of all kinds, and how XML is read strictly. */

import { parseXml, type XmlElement } from "@rgrove/parse-xml";
import { type LabelledObject, type LabelledPicture, labelledObjects } from "../../../src/yolov5/labels/index.js";
import { encodeRle, maskFromBitmap } from "../../../src/yolov5/output/masks/rle.js";
import { DetectionResult, type SegmentedDetection } from "../../../src/yolov5/output/results.js";

export const [WIDTH, HEIGHT] = [60, 40];
export const NAMES = ["person", 'a "b" & <c>', "人\u0007"];

export const person: LabelledObject = {
  ...{ xmin: 1.234567, ymin: 2, xmax: 30.5, ymax: 39, class: 0, name: NAMES[0], confidence: 0.875, track: 7 },
};
export const thing: LabelledObject = {
  ...{ xmin: 0, ymin: 0, xmax: 10, ymax: 10, class: 1, name: NAMES[1], confidence: 0.5 },
};

/** A ring, a bar of one pixel's width, and a single pixel. */
export function bitmapOf(): Uint8Array {
  const bitmap = new Uint8Array(WIDTH * HEIGHT);
  const set = (x: number, y: number): void => {
    bitmap[y * WIDTH + x] = 1;
  };
  for (let y = 5; y < 15; y++) for (let x = 10; x < 25; x++) if (y < 8 || y > 11 || x < 13 || x > 21) set(x, y);
  for (let x = 30; x < 40; x++) set(x, 20);
  set(50, 30);
  return bitmap;
}

export function masked(): LabelledObject {
  const bitmap = bitmapOf();
  const detection: SegmentedDetection = {
    ...{ xmin: 10, ymin: 5, xmax: 51, ymax: 31, confidence: 0.9, class: 0, name: NAMES[0] },
    mask: encodeRle(maskFromBitmap(bitmap, HEIGHT, WIDTH)),
    area: bitmap.reduce((a, b) => a + b, 0),
    bitmap: () => bitmap,
    polygon: () => new Float32Array(0),
    thresholded: () => maskFromBitmap(bitmap, HEIGHT, WIDTH),
  };
  const facts = {
    width: WIDTH,
    height: HEIGHT,
    input: [1, 3, 64, 64],
    names: NAMES,
    speed: { preprocess: 0, inference: 0, postprocess: 0 },
  };
  return labelledObjects(new DetectionResult(facts, [detection], "segment"))[0];
}

export const posed: LabelledObject = {
  ...person,
  keypoints: [
    [5, 6, 0.9],
    [7.5, 8, 0.1],
    [9, 10],
  ],
};

export const picture = (...objects: LabelledObject[]): LabelledPicture => ({
  fileName: "day 1/bus&<1>.jpg",
  width: WIDTH,
  height: HEIGHT,
  objects,
});

export const childrenOf = (parent: XmlElement, name: string): XmlElement[] =>
  parent.children.filter((node): node is XmlElement => "name" in node && node.name === name);
export const textOf = (parent: XmlElement, ...path: readonly string[]): string => {
  const [name, ...rest] = path;
  return name === undefined ? parent.text : textOf(childrenOf(parent, name)[0], ...rest);
};
export function rootOf(text: string): XmlElement {
  const { root } = parseXml(text);
  if (!root) throw new Error("no root");
  return root;
}
