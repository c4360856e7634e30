/**
 * What windows find that the whole picture does not: mAP and the recall of small objects on pictures made of N × N labelled ones.
 *   npm run build && node bench/slices.mjs [--weights yolov5n.pt] [--data FOLDER] [--tiles 2,3,4] [--merge off,ios,iou,nms]
 * Windows run once for all ways of merging, so only the first of them has a time. The default data are 128 pictures of COCO in ../shared. Prints one line of JSON for each row, then a table.
 */

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { evaluate, load, openDataset } from "../dist/node.js";

const shared = (path) => {
  const root = process.env.YOLOV5_REFERENCE ?? fileURLToPath(new URL("../../shared", import.meta.url));
  return `${root}/${path}`;
};
const { values } = parseArgs({
  options: {
    weights: { type: "string", default: shared("weights/yolov5n.pt") },
    data: { type: "string", default: shared("images/coco_val2017_128") },
    backend: { type: "string", default: "wasm" },
    tiles: { type: "string", default: "2,3,4" },
    merge: { type: "string", default: "off,ios" },
    overlap: { type: "string", default: "0.2" },
  },
});
for (const path of [values.weights, values.data]) {
  if (!existsSync(path)) {
    console.error(`${path}: not there; give --weights and --data`);
    process.exit(1);
  }
}

/** A cell's side: COCO's pictures are no larger. */
const CELL = 640;
/** COCO's small objects have less area than this. */
const SMALL = 32 ** 2;
/** What a user sees: the default threshold, and an overlap that counts as found. */
const [CONF, IOU] = [0.25, 0.5];

/** Pictures side by side in cells, upper left, on grey, with their labels. */
function mosaic(samples, tiles) {
  const side = tiles * CELL;
  const rows = samples.flatMap(({ truth, width, height }, n) => {
    const [left, top] = [(n % tiles) * CELL, Math.floor(n / tiles) * CELL];
    return Array.from(truth.classes, (index, i) => {
      const [x, y, w, h] = truth.boxes.subarray(4 * i, 4 * i + 4);
      return { index, box: [left + x * width, top + y * height, w * width, h * height].map((v) => v / side) };
    });
  });
  const truth = {
    classes: Int32Array.from(rows, ({ index }) => index),
    boxes: Float32Array.from(rows.flatMap(({ box }) => box)),
    polygons: rows.map(() => []),
  };
  const draw = async () => {
    const data = new Uint8Array(side * side * 3).fill(114);
    for (const [n, sample] of samples.entries()) {
      const { width, height, data: pixels } = await sample.load();
      const [left, top] = [(n % tiles) * CELL, Math.floor(n / tiles) * CELL];
      for (let y = 0; y < height; y++) {
        data.set(pixels.subarray(y * width * 3, (y + 1) * width * 3), ((top + y) * side + left) * 3);
      }
    }
    return { width: side, height: side, data };
  };
  return { name: samples.map(({ name }) => name).join("+"), width: side, height: side, truth, load: draw };
}

function iou(a, b) {
  const [w, h] = [Math.min(a[2], b[2]) - Math.max(a[0], b[0]), Math.min(a[3], b[3]) - Math.max(a[1], b[1])];
  if (w <= 0 || h <= 0) return 0;
  return (w * h) / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - w * h);
}

/** Labels of each size that a box of their class above the threshold finds; each box finds one. */
function countFound({ labelBoxes, labelClasses, detections }, counts) {
  const used = new Set();
  for (const [l, index] of labelClasses.entries()) {
    const label = labelBoxes.subarray(4 * l, 4 * l + 4);
    const small = (label[2] - label[0]) * (label[3] - label[1]) < SMALL;
    let best = -1;
    let most = IOU;
    for (const [d, other] of detections.classes.entries()) {
      if (other !== index || used.has(d) || !(detections.confidences[d] > CONF)) continue;
      const value = iou(label, detections.boxes.subarray(4 * d, 4 * d + 4));
      if (value > most) [best, most] = [d, value];
    }
    if (best >= 0) used.add(best);
    counts.labels++;
    counts.found += best >= 0 ? 1 : 0;
    counts.small += small ? 1 : 0;
    counts.smallFound += small && best >= 0 ? 1 : 0;
  }
}

/** A model whose outputs for the same windows are computed once: the ways of merging differ in nothing else. */
function remembering(model, kept) {
  let next = 0;
  const inferRows = async (input, options) => {
    const at = next++;
    kept[at] ??= structuredClone(await model.inferRows(input, options));
    return kept[at];
  };
  return { info: model.info, forward: (input) => model.forward(input), inferRows };
}

const model = await load(values.weights, { backend: values.backend });
const dataset = await openDataset(values.data, { names: model.names });
const table = [];
for (const tiles of values.tiles.split(",").map(Number)) {
  const samples = [];
  const { length } = dataset.samples;
  for (let start = 0; start < length; start += tiles ** 2) {
    samples.push(mosaic(dataset.samples.slice(start, start + tiles ** 2), tiles));
  }
  const kept = [];
  for (const merge of values.merge.split(",")) {
    const counts = { labels: 0, found: 0, small: 0, smallFound: 0 };
    const slice = merge === "off" ? undefined : { width: CELL, merge, overlap: Number(values.overlap) };
    const started = performance.now();
    // A large picture has many objects.
    const options = { slice, maxDet: 300 * tiles ** 2, onPicture: (outcome) => countFound(outcome, counts) };
    const { metrics } = await evaluate(
      merge === "off" ? model : remembering(model, kept),
      { ...dataset, samples },
      options,
    );
    const row = {
      tiles: `${tiles} × ${tiles}`,
      pictures: samples.length,
      merge,
      map50: metrics.map50,
      map50_95: metrics.map50_95,
      recall: counts.found / counts.labels,
      smallRecall: counts.smallFound / counts.small,
      ...counts,
      seconds: (performance.now() - started) / 1000,
    };
    console.log(JSON.stringify(row));
    table.push(row);
  }
}
model.dispose();
const percent = (value) => `${(100 * value).toFixed(1)} %`;
console.log(
  "\n| pictures | windows | mAP50 | mAP50-95 | recall | recall of small objects |\n|---|---|--:|--:|--:|--:|",
);
for (const { tiles, merge, map50, map50_95, recall, smallRecall } of table) {
  const cells = [tiles, merge, map50.toFixed(3), map50_95.toFixed(3), percent(recall), percent(smallRecall)];
  console.log(`| ${cells.join(" | ")} |`);
}
