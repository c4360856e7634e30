/** Files of CVAT and Label Studio as data sets: what was written is read, and what is refused with which words. */

import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { openDataset } from "../../../src/node.js";
import { packBrush } from "../../../src/yolov5/labels/brushRle.js";
import { cvatImages, cvatVideo, labelStudioImages, labelStudioVideo } from "../../../src/yolov5/labels/index.js";
import { decodeRle, encodeRle, maskFromBitmap } from "../../../src/yolov5/output/masks/rle.js";
import { fixture } from "../../cli/support.js";
import { bitmapOf, HEIGHT, masked, NAMES, person, posed, thing, WIDTH } from "../../yolov5/labels/samples.js";

const folder = await mkdtemp(join(tmpdir(), "yolov5-tools-"));
afterAll(() => rm(folder, { recursive: true, force: true }));
await mkdir(join(folder, "day 1"));
await cp(fixture("picture.png"), join(folder, "day 1", "bus & co.png"));
/** The fixture's size. */
const [width, height] = [90, 60];
const names = NAMES.with(2, "plain");
const picture = (...objects: Parameters<typeof labelStudioImages>[0][number]["objects"][number][]) => [
  { fileName: "day 1/bus & co.png", width, height, objects },
];
const KEYPOINTS = { count: 3, size: 3 };
/** The mask of `masked`, which is of a smaller picture, on the fixture. */
function place() {
  const data = new Uint8Array(width * height);
  for (let y = 0; y < HEIGHT; y++) data.set(bitmapOf().subarray(y * WIDTH, (y + 1) * WIDTH), y * width);
  return { data };
}
let files = 0;

async function open(text: string, ending: string, options: object = {}) {
  const file = join(folder, `labels${++files}${ending}`);
  await writeFile(file, text);
  const warnings: string[] = [];
  const set = await openDataset(file, { names, onWarning: (line) => warnings.push(line), ...options });
  return { ...set, warnings };
}

type Pictures = Parameters<typeof labelStudioImages>[0];
const TOOLS = [
  ["CVAT", ".xml", (pictures: Pictures) => cvatImages(pictures, names)],
  ["Label Studio", ".json", (pictures: Pictures) => JSON.stringify(labelStudioImages(pictures))],
] as const;

describe.each(TOOLS)("%s", (_, ending, write) => {
  test("boxes come back, with their classes", async () => {
    const { samples, warnings } = await open(write(picture(person, thing)), ending);
    expect(warnings).toEqual([]);
    const { classes, boxes, polygons } = samples[0].truth;
    expect([...classes]).toEqual([0, 1]);
    expect(boxes[0] * width).toBeCloseTo((1.234567 + 30.5) / 2, 2);
    expect([...boxes.subarray(4)].map((value, i) => value * (i % 2 === 0 ? width : height))).toEqual(
      [5, 5, 10, 10].map((value) => expect.closeTo(value, 4)),
    );
    expect(polygons).toEqual([[], []]);
  });

  test("masks come back bit for bit, with the hole of the ring and a part that is a line", async () => {
    const { data } = place();
    const mask = { rle: encodeRle(maskFromBitmap(data, height, width)), area: 1 };
    const { samples } = await open(write(picture({ ...masked(), mask }, person)), ending);
    const { classes, masks } = samples[0].truth;
    expect([...classes]).toEqual([0, 0]);
    expect(masks?.[1]).toBeUndefined();
    expect(masks?.[0] && decodeRle(masks[0])).toEqual(data);
  });

  test.runIf(ending === ".json")("an object in parts is one object with several outlines", async () => {
    const { samples } = await open(write(picture({ ...masked(), outlined: true }, person)), ending);
    const { polygons } = samples[0].truth;
    expect(polygons.map((parts) => parts.length)).toEqual([3, 0]);
    const ring = [...polygons[0][0]].map((value, i) => Math.round(value * (i % 2 === 0 ? width : height)));
    expect([Math.min(...ring), Math.max(...ring)]).toEqual([5, 24]);
  });

  test("keypoints keep their indices, though one is not visible", async () => {
    const { samples } = await open(write(picture(posed, thing)), ending, { keypoints: KEYPOINTS });
    const { classes, keypoints } = samples[0].truth;
    // An object without a labelled point is left out, as in COCO's evaluation.
    expect([...classes]).toEqual([0]);
    const points = [...(keypoints?.[0] ?? [])];
    expect(points.map((value, i) => (i % 3 === 2 ? value : value * (i % 3 === 0 ? width : height)))).toEqual(
      [5, 6, 2, 0, 0, 0, 9, 10, 2].map((value) => expect.closeTo(value, 4)),
    );
    const without = await open(write(picture(person)), ending, { keypoints: KEYPOINTS });
    expect(without.samples[0].truth.keypoints).toEqual([undefined]);
  });

  test("a picture without objects is background, and a label that the model lacks is named", async () => {
    const { samples } = await open(write(picture()), ending);
    expect(samples.map(({ truth }) => truth.classes.length)).toEqual([0]);
    const cow = write(picture({ ...person, name: "cow" }));
    await expect(open(cow, ending)).rejects.toThrow(/match no class \("cow"/);
  });
});

describe("CVAT, changed by people", () => {
  const file = (shapes: string, size = `width="90" height="60"`): string =>
    `<annotations><version>1.1</version><image id="0" name="day 1/bus &amp; co.png" ${size}>${shapes}</image></annotations>`;

  test("polygons are outlines; other shapes are left out with a warning, tags without", async () => {
    const shapes =
      '<polygon label="person" points="0,0;45,0;45,30"/><ellipse label="person" cx="1" cy="2" rx="3" ry="4"/><tag label="person"/>';
    const { samples, warnings } = await open(file(shapes), ".xml");
    expect([...samples[0].truth.boxes]).toEqual([0.25, 0.25, 0.5, 0.5]);
    expect([...samples[0].truth.polygons[0][0]]).toEqual([0, 0, 0.5, 0, 0.5, 0.5]);
    expect(warnings).toEqual([expect.stringMatching(/shapes of the kind <ellipse> are not read; use boxes, polygons/)]);
  });

  const mask = (rle: string, size = [2, 2]): string =>
    `<mask label="person" left="1" top="1" width="${size[0]}" height="${size[1]}" rle="${rle}"/>`;
  test.each([
    ["another root", "<annotation/>", /its root is <annotation>, not CVAT's <annotations>/],
    ["no size", file("", ""), /width of <image> must be a number, got ""/],
    ["words for numbers", file('<box label="person" xtl="a"/>'), /xtl of <box> must be a number, got "a"/],
    ["a line as polygon", file('<polygon label="person" points="0,0;1,1"/>'), /points of <polygon> must be three/],
    ["too few pixels", file(mask("1, 2")), /rle of <mask> has 3 pixels, not 2×2/],
    ["endless runs", file(mask("0, 1e300")), /rle of <mask> has 1e\+300 pixels, not 2×2/],
    ["a run below 0", file(mask("5, -1")), /rle of <mask> has the run -1/],
    ["a mask larger than its picture", file(mask("0", [1e6, 1e6])), /<mask> of 1000000×1000000 does not fit/],
    [
      "a point more than indices",
      file(
        '<box label="person" group_id="1" xtl="0" ytl="0" xbr="9" ybr="9"/><points label="person" group_id="1" points="1,1;2,2"><attribute name="keypoints">0</attribute></points>',
      ),
      /a <points> has 2 points, but its attribute "keypoints" numbers 1/,
    ],
  ])("refused: %s", async (_, text, message) => {
    await expect(open(text, ".xml")).rejects.toThrow(message);
  });
});

describe("Label Studio, changed by people", () => {
  const region = (value: object, more: object = {}) => ({
    ...{ id: "a", type: "rectanglelabels", original_width: width, original_height: height },
    value: { x: 0, y: 0, width: 50, height: 50, rotation: 0, rectanglelabels: ["person"], ...value },
    ...more,
  });
  const task = (result: unknown, more: object = {}) =>
    JSON.stringify([
      { data: { image: "/data/local-files/?d=day%201/bus%20%26%20co.png" }, ...more, annotations: [result] },
    ]);

  test("annotations count before predictions, and a cancelled one does not", async () => {
    const predictions = [{ result: [region({ rectanglelabels: ["plain"] })] }];
    const annotated = await open(task({ result: [region({})] }, { predictions }), ".json");
    expect([...annotated.samples[0].truth.classes]).toEqual([0]);
    const cancelled = await open(task({ was_cancelled: true, result: [region({})] }, { predictions }), ".json");
    expect([...cancelled.samples[0].truth.classes]).toEqual([2]);
  });

  test("a turned rectangle has the box around it; other regions are left out with a warning", async () => {
    const turned = region({ x: 50, y: 0, width: 20, height: 40, rotation: 90 });
    const ellipse = { id: "b", type: "ellipselabels", original_width: width, original_height: height, value: {} };
    const { samples, warnings } = await open(task({ result: [turned, ellipse] }), ".json");
    // 18 × 24 pixels, turned by a quarter around (45, 0): 24 pixels to the left and 18 down.
    expect([...samples[0].truth.boxes].map((value, i) => value * (i % 2 === 0 ? width : height))).toEqual(
      [33, 9, 24, 18].map((value) => expect.closeTo(value, 4)),
    );
    expect(warnings).toEqual([expect.stringMatching(/regions of the kind ellipselabels are not read/)]);
  });

  const brush = (value: object) => ({
    ...region({}, { type: "brushlabels" }),
    value: { format: "rle", brushlabels: ["person"], ...value },
  });

  test("a brush that has been wiped away is no object", async () => {
    const rle = packBrush({ counts: [width * height], size: [height, width] });
    const { samples } = await open(task({ result: [brush({ rle }), region({})] }), ".json");
    expect(samples[0].truth.classes.length).toBe(1);
  });

  test.each([
    ["a brush of another size", task({ result: [brush({ rle: [0, 0, 0, 4, 57, 27, 255] })] }), /task 1: rle: 1 pixels/],
    ["a brush without its end", task({ result: [brush({ rle: [0, 0, 84, 96, 57, 27, 248] })] }), /the bytes end too/],
    ["words as a brush", task({ result: [brush({ rle: ["a"] })] }), /task 1: a brush needs "format": "rle", and bytes/],
    ["another packing", task({ result: [brush({ format: "png", rle: [] })] }), /task 1: a brush needs "format": "rle"/],
    [
      "no size",
      task({ result: [region({}, { original_width: undefined })] }),
      /task 1: its regions need original_width/,
    ],
    ["no label", task({ result: [region({ rectanglelabels: [] })] }), /task 1: a region has no label/],
    ["a word for a number", task({ result: [region({ x: "1" })] }), /task 1: x of a region must be a number, not 1/],
    ["no picture", '[{"data":{"text":"hello"}}]', /task 1 has no "image" in its data/],
  ])("refused: %s", async (_, text, message) => {
    await expect(open(text, ".json")).rejects.toThrow(message);
  });
});

describe("masks of sizes that no picture has", () => {
  const claims = /claims 40000×40000 pixels, above the limit of 67108864 pixels.*--max-pixels/;
  const mask = '<mask label="person" left="0" top="0" width="40000" height="40000" rle="0,1600000000"/>';
  const image = (width: number, height: number, shape: string) =>
    `<annotations><image id="0" name="day 1/bus &amp; co.png" width="${width}" height="${height}">${shape}</image></annotations>`;
  const size = { original_width: 40000, original_height: 40000 };
  const value = { format: "rle", rle: [0], brushlabels: ["person"] };
  const brush = JSON.stringify([
    {
      data: { image: "/data/local-files/?d=day%201/bus%20%26%20co.png" },
      annotations: [{ result: [{ type: "brushlabels", ...size, value }] }],
    },
  ]);

  test.each([
    ["CVAT", image(40000, 40000, mask), ".xml"],
    ["Label Studio", brush, ".json"],
  ])("%s: are refused before anything is allocated", async (_, text, ending) => {
    await expect(open(text, ending)).rejects.toThrow(claims);
  });

  test("CVAT: reading many of them ends when its signal is aborted", async () => {
    const whole = `<mask label="person" left="0" top="0" width="${width}" height="${height}" rle="0,${width * height}"/>`;
    const controller = new AbortController();
    controller.abort(new Error("enough"));
    const { signal } = controller;
    await expect(open(image(width, height, whole.repeat(100)), ".xml", { signal })).rejects.toThrow("enough");
  });
});

test("labels of videos are refused, since val reads pictures", async () => {
  const frames = [{ frame: 0, time: 0, objects: [person] }];
  const video = { fileName: "a.mp4", width, height, fps: 25, stride: 1, frames };
  await expect(open(cvatVideo(video, names), ".xml")).rejects.toThrow(/labels a video, and val reads pictures/);
  const tasks = JSON.stringify([labelStudioVideo(video)]);
  await expect(open(tasks, ".json")).rejects.toThrow(/task 1 is of a video, and val reads pictures/);
});
