/**
 * The job that people write today: every picture of a folder through sharp and onnxruntime-node, boxes as JSON, annotated JPEGs
 * if a folder for them is given.
 *   node pipeline.mjs MODEL.onnx PICTURES BOXES.json THREADS(0: onnxruntime's choice) [FOLDER]
 * The next picture is decoded while the network runs on the one before.
 */

import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join, parse } from "node:path";
import { InferenceSession, Tensor } from "onnxruntime-node";
import sharp from "sharp";

const [model, source, boxesFile, threads, folder] = process.argv.slice(2);
const CONF = 0.25;
const IOU = 0.45;
const MOST = 300;
/** As the command line draws and encodes them. */
const QUALITY = 95;

async function picturesOf(path) {
  if (!(await stat(path)).isDirectory()) {
    const lines = (await readFile(path, "utf8")).split("\n").filter(Boolean);
    return lines.map((line) => join(dirname(path), line));
  }
  return (await readdir(path))
    .filter((name) => /\.(jpe?g|png|webp|tiff?)$/i.test(name))
    .sort()
    .map((name) => join(path, name));
}

/** Float32 [1, 3, height, width] with the picture in its middle on grey, and how to get back. */
async function letterbox(path, width, height) {
  const decoded = await sharp(path)
    .rotate()
    .removeAlpha()
    .toColourspace("srgb")
    .raw()
    .toBuffer({ resolveWithObject: true });
  const { width: w, height: h, channels } = decoded.info;
  const scale = Math.min(width / w, height / h);
  const [innerWidth, innerHeight] = [Math.round(w * scale), Math.round(h * scale)];
  const [left, top] = [Math.round((width - innerWidth) / 2 - 0.1), Math.round((height - innerHeight) / 2 - 0.1)];
  const raw = await sharp(decoded.data, { raw: { width: w, height: h, channels } })
    .resize(innerWidth, innerHeight, { fit: "fill", kernel: "linear" })
    .extend({
      top,
      left,
      bottom: height - innerHeight - top,
      right: width - innerWidth - left,
      background: { r: 114, g: 114, b: 114 },
    })
    .raw()
    .toBuffer();
  const pixels = width * height;
  const data = new Float32Array(3 * pixels);
  for (let i = 0; i < pixels; i++) {
    for (let c = 0; c < 3; c++) data[c * pixels + i] = raw[3 * i + c] / 255;
  }
  return { data, decoded, w, h, scale, left, top };
}

/** Boxes of rows [x, y, w, h, objectness, classes …], suppressed class by class. */
function boxesOf({ data, dims }, { w, h, scale, left, top }) {
  const [, rows, columns] = dims;
  const found = [];
  for (let row = 0; row < rows; row++) {
    const at = row * columns;
    if (data[at + 4] <= CONF) continue;
    let best = 5;
    for (let c = 6; c < columns; c++) if (data[at + c] > data[at + best]) best = c;
    const score = data[at + 4] * data[at + best];
    if (score <= CONF) continue;
    const [x, y, bw, bh] = data.subarray(at, at + 4);
    found.push({ score, class: best - 5, box: [x - bw / 2, y - bh / 2, x + bw / 2, y + bh / 2] });
  }
  found.sort((a, b) => b.score - a.score);
  const kept = [];
  for (const candidate of found) {
    if (kept.length === MOST) break;
    if (kept.every((other) => other.class !== candidate.class || iou(other.box, candidate.box) <= IOU))
      kept.push(candidate);
  }
  return kept.map(({ score, class: index, box: [x1, y1, x2, y2] }) => {
    const back = (value, pad, most) => Math.min(Math.max((value - pad) / scale, 0), most);
    return {
      xmin: back(x1, left, w),
      ymin: back(y1, top, h),
      xmax: back(x2, left, w),
      ymax: back(y2, top, h),
      confidence: score,
      class: index,
    };
  });
}

function iou([ax1, ay1, ax2, ay2], [bx1, by1, bx2, by2]) {
  const width = Math.min(ax2, bx2) - Math.max(ax1, bx1);
  const height = Math.min(ay2, by2) - Math.max(ay1, by1);
  if (width <= 0 || height <= 0) return 0;
  const inner = width * height;
  return inner / ((ax2 - ax1) * (ay2 - ay1) + (bx2 - bx1) * (by2 - by1) - inner);
}

/** An SVG over the picture, as people draw with sharp. */
async function save(path, { data, info }, boxes) {
  const { width, height, channels } = info;
  const shapes = boxes.map(
    ({ xmin, ymin, xmax, ymax, confidence, class: index }) =>
      `<rect x="${xmin}" y="${ymin}" width="${xmax - xmin}" height="${ymax - ymin}" fill="none" stroke="red" stroke-width="3"/>` +
      `<text x="${xmin}" y="${ymin}" font-size="16" fill="red">${index} ${confidence.toFixed(2)}</text>`,
  );
  const svg = Buffer.from(`<svg width="${width}" height="${height}">${shapes.join("")}</svg>`);
  await sharp(data, { raw: { width, height, channels } })
    .composite([{ input: svg }])
    .jpeg({ quality: QUALITY })
    .toFile(path);
}

const session = await InferenceSession.create(model, {
  executionProviders: ["cpu"],
  interOpNumThreads: 1,
  ...(Number(threads) > 0 ? { intraOpNumThreads: Number(threads) } : {}),
});
const [input] = session.inputNames;
const { shape } = session.inputMetadata[0];
const [height, width] = shape.slice(2);
const paths = await picturesOf(source);
const images = [];
let next = paths.length > 0 ? letterbox(paths[0], width, height) : undefined;
for (const [i, path] of paths.entries()) {
  const picture = await next;
  next = i + 1 < paths.length ? letterbox(paths[i + 1], width, height) : undefined;
  next?.catch(() => undefined);
  const outputs = await session.run({ [input]: new Tensor("float32", picture.data, [1, 3, height, width]) });
  const detections = boxesOf(outputs[session.outputNames[0]], picture);
  images.push({ source: path, detections });
  if (folder) await save(join(folder, `${parse(basename(path)).name}.jpg`), picture.decoded, detections);
}
await writeFile(boxesFile, JSON.stringify({ images }));
