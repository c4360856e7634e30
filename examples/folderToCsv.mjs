/**
 * All objects in all pictures of a folder, as one CSV file:
 *
 *     node examples/folderToCsv.mjs photos objects.csv --weights best.pt
 *
 * A file that is no picture is reported and left out. Pictures are read while others run through the network.
 */

import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ImageError, load } from "yolov5-ts";

/** Two at a time: one is decoded while the network works on the other. */
const AT_ONCE = 2;

const { values, positionals } = parseArgs({ options: { weights: { type: "string" } }, allowPositionals: true });
const [folder, output] = positionals;
if (output === undefined) {
  console.error("usage: node folderToCsv.mjs FOLDER OUTPUT.csv [--weights best.pt]");
  process.exit(2);
}

const entries = await readdir(folder, { withFileTypes: true });
const names = entries
  .filter((entry) => entry.isFile())
  .map(({ name }) => name)
  .sort();
const model = await load(values.weights);
const csv = createWriteStream(output);
let pictures = 0;

/** @param {string} name @returns the result, or the error of a file that is no picture. */
const detect = (name) =>
  model.detect(join(folder, name)).catch((error) => {
    if (error instanceof ImageError) return error;
    throw error;
  });

/** @type {Promise<import("yolov5-ts").Result | ImageError>[]} */
const underWay = [];
for (let i = 0; i < names.length + AT_ONCE; i++) {
  if (i < names.length) underWay.push(detect(names[i]));
  if (i < AT_ONCE && i < names.length) continue;
  const result = await underWay.shift();
  if (result === undefined) continue;
  if (result instanceof Error) {
    console.error(result.message);
    continue;
  }
  csv.write(result.toCSV({ header: pictures === 0 }));
  pictures++;
}
csv.end();
await once(csv, "finish");
model.dispose();
console.log(`${output}: ${pictures} pictures`);
