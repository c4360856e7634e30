/** Files of CVAT and Label Studio: each read by a strict reader of its format, which gets back what was found. */

import type { XmlElement } from "@rgrove/parse-xml";
import { describe, expect, test } from "vitest";
import {
  cvatImages,
  cvatVideo,
  type LabelledVideo,
  labelStudioImages,
  labelStudioInterface,
  labelStudioVideo,
} from "../../../src/yolov5/labels/index.js";
import {
  bitmapOf,
  childrenOf,
  HEIGHT,
  masked,
  NAMES,
  person,
  picture,
  posed,
  rootOf,
  textOf,
  thing,
  WIDTH,
} from "./samples.js";

const EMPTY = { counts: [WIDTH * HEIGHT], size: [HEIGHT, WIDTH] } as const;

describe("CVAT 1.1", () => {
  const SHAPES: Readonly<Record<string, readonly string[]>> = {
    box: ["xtl", "ytl", "xbr", "ybr"],
    mask: ["rle", "left", "top", "width", "height"],
    points: ["points"],
  };

  /** Every element and attribute that its description names as required. */
  function check(text: string): XmlElement {
    const root = rootOf(text);
    expect(root.name).toBe("annotations");
    expect(textOf(root, "version")).toBe("1.1");
    const [task] = childrenOf(childrenOf(root, "meta")[0], "task");
    const labels = childrenOf(childrenOf(task, "labels")[0], "label").map((label) => textOf(label, "name"));
    for (const image of childrenOf(root, "image")) {
      expect(Object.keys(image.attributes)).toEqual(expect.arrayContaining(["id", "name", "width", "height"]));
      for (const shape of image.children.filter((node) => "name" in node) as XmlElement[]) {
        expect(labels).toContain(shape.attributes.label);
        expect(Object.keys(shape.attributes)).toEqual(
          expect.arrayContaining(["occluded", "z_order", ...(SHAPES[shape.name] ?? ["?"])]),
        );
      }
    }
    for (const track of childrenOf(root, "track")) {
      expect(labels).toContain(track.attributes.label);
      const boxes = childrenOf(track, "box");
      const frames = boxes.map(({ attributes }) => Number(attributes.frame));
      expect(frames).toEqual(frames.toSorted((a, b) => a - b));
      expect(new Set(frames).size).toBe(frames.length);
      for (const box of boxes)
        expect(Object.keys(box.attributes)).toEqual(
          expect.arrayContaining(["frame", "outside", "occluded", "keyframe", ...SHAPES.box]),
        );
    }
    return root;
  }

  test("images have boxes, masks bit for bit, and keypoints in a group with their box", () => {
    const names = NAMES.with(2, "plain");
    const root = check(cvatImages([picture(person, thing), picture(masked()), picture(posed)], names));
    const [boxes, masks, poses] = childrenOf(root, "image");
    expect(boxes.attributes).toMatchObject({ id: "0", name: "day 1/bus&<1>.jpg", width: "60", height: "40" });
    const [first] = childrenOf(boxes, "box");
    expect(first.attributes).toMatchObject({ label: "person", xtl: "1.23", ytl: "2", xbr: "30.5", ybr: "39" });
    expect(childrenOf(first, "attribute").map((a) => [a.attributes.name, a.text])).toEqual([
      ["confidence", "0.875"],
      ["track_id", "7"],
    ]);
    const [{ attributes }] = childrenOf(masks, "mask");
    const [left, top, width] = [attributes.left, attributes.top, attributes.width].map(Number);
    const decoded = new Uint8Array(WIDTH * HEIGHT);
    let at = 0;
    for (const [i, run] of attributes.rle.split(", ").map(Number).entries()) {
      for (let k = 0; k < run; k++, at++) decoded[(top + Math.floor(at / width)) * WIDTH + left + (at % width)] = i % 2;
    }
    expect(at).toBe(width * Number(attributes.height));
    expect(decoded).toEqual(bitmapOf());
    expect(childrenOf(poses, "points")[0].attributes).toMatchObject({
      points: "5,6;9,10",
      group_id: childrenOf(poses, "box")[0].attributes.group_id,
    });
  });

  test("a video has one track per object, marked outside where the object is gone", () => {
    const frames = [0, 1, 2, 3, 4, 5].map((frame) => ({
      frame,
      time: frame / 25,
      objects: frame === 2 ? [thing] : frame < 5 ? [person] : [],
    }));
    const root = check(
      cvatVideo({ fileName: "a.mp4", width: WIDTH, height: HEIGHT, fps: 25, stride: 1, frames }, NAMES),
    );
    const tracks = childrenOf(root, "track").map((track) => [
      track.attributes.label,
      childrenOf(track, "box").map(({ attributes }) => `${attributes.frame}${attributes.outside === "1" ? "x" : ""}`),
    ]);
    expect(tracks).toEqual([
      [NAMES[1], ["2", "3x"]],
      ["person", ["0", "1", "2x", "3", "4", "5x"]],
    ]);
  });

  test("with a stride, frames are numbered as in the source, and skipped ones are not gaps", () => {
    const frames = [2, 5, 8].map((frame) => ({ frame, time: frame / 25, objects: [person] }));
    const root = check(
      cvatVideo({ fileName: "a.mp4", width: WIDTH, height: HEIGHT, fps: 25, stride: 3, frames }, NAMES),
    );
    const boxes = childrenOf(childrenOf(root, "track")[0], "box");
    expect(boxes.map(({ attributes }) => [attributes.frame, attributes.outside])).toEqual([
      ["2", "0"],
      ["5", "0"],
      ["8", "0"],
    ]);
  });
});

describe("Label Studio", () => {
  interface Region {
    readonly id: string;
    readonly type: string;
    readonly from_name: string;
    readonly to_name: string;
    readonly value: Readonly<Record<string, unknown>>;
  }

  /** Every region has a control of the interface, whose labels it uses; percentages lie in the picture. */
  function check(
    tasks: readonly { readonly predictions: readonly { readonly result: readonly object[] }[] }[],
    text: string,
  ): Region[] {
    const root = rootOf(text);
    const controls = new Map(
      (root.children.filter((node) => "name" in node) as XmlElement[]).map((tag) => [tag.attributes.name, tag]),
    );
    const regions = tasks.flatMap(({ predictions }) => predictions.flatMap(({ result }) => result as Region[]));
    for (const { type, from_name: from, to_name: to, value } of regions) {
      const control = controls.get(from);
      expect(control?.name.toLowerCase()).toBe(type === "videorectangle" ? "videorectangle" : type);
      expect(controls.get(to)?.attributes.value).toBe(to === "image" ? "$image" : "$video");
      const labelled = type === "videorectangle" ? controls.get("label") : control;
      const used = (value[type] ?? value.labels) as readonly string[];
      const known = childrenOf(labelled ?? root, "Label").map((label) => label.attributes.value);
      expect(known).toEqual(expect.arrayContaining([...used]));
      const numbers = [
        value.x,
        value.y,
        value.width,
        value.height,
        ...((value.points as number[][] | undefined)?.flat() ?? []),
      ];
      for (const number of numbers) if (number !== undefined) expect(number).toBeGreaterThanOrEqual(0);
      for (const number of numbers) if (number !== undefined) expect(number).toBeLessThanOrEqual(100);
    }
    return regions;
  }

  test("pictures have rectangles in percent, polygons, and keypoints as children", () => {
    const names = NAMES.with(2, "plain");
    const ui = (outlines: boolean, keypoints: number) =>
      labelStudioInterface(names, { video: false, outlines, keypoints });
    const tasks = labelStudioImages([picture(person, thing)]);
    expect(tasks[0].data.image).toBe("/data/local-files/?d=day%201/bus%26%3C1%3E.jpg");
    const [first] = check(tasks, ui(false, 0));
    expect(first.value).toMatchObject({ x: (100 * 1.234567) / 60, y: 5, width: (100 * 29.265433) / 60, height: 92.5 });
    const outlines = check(labelStudioImages([picture({ ...masked(), outlined: true })]), ui(true, 0));
    expect(outlines.map(({ id, type }) => [id, type])).toEqual([
      ["object1", "polygonlabels"],
      ["object1-2", "polygonlabels"],
      ["object1-3", "polygonlabels"],
    ]);
    const [brush, box] = check(
      labelStudioImages([picture(masked(), { ...masked(), polygons: [], mask: { rle: EMPTY, area: 0 } })]),
      ui(true, 0),
    );
    expect([brush.type, brush.value.format, box.type]).toEqual(["brushlabels", "rle", "rectanglelabels"]);
    const points = check(labelStudioImages([picture(posed)]), ui(false, 3));
    expect(points.slice(1)).toMatchObject([
      { parentID: "object1", value: { keypointlabels: ["0"] } },
      { value: { keypointlabels: ["2"] } },
    ]);
  });

  test("videos have a sequence of boxes per object, which ends where the object is gone", () => {
    const frames = [0, 1, 2, 3].map((frame) => ({ frame, time: frame / 25, objects: frame === 2 ? [] : [person] }));
    const video: LabelledVideo = { fileName: "a.mp4", width: WIDTH, height: HEIGHT, fps: 25, stride: 1, frames };
    const [region] = check(
      [labelStudioVideo(video)],
      labelStudioInterface(NAMES.with(2, "x"), { video: true, outlines: false, keypoints: 0 }),
    );
    const sequence = region.value.sequence as readonly { frame: number; enabled: boolean }[];
    expect(sequence.map(({ frame, enabled }) => [frame, enabled])).toEqual([
      [1, true],
      [2, false],
      [4, false],
    ]);
    expect(region.value).toMatchObject({ framesCount: 4, duration: 0.16 });
  });
});
