/** The requirements on results that are joined. They are untrusted: names in them become paths, numbers become sizes. */

import { isShardBlock } from "../shards/shardBlock.js";

type Check = (value: unknown) => boolean;

const text: Check = (value) => typeof value === "string";
const number: Check = (value) => typeof value === "number";
const whole: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const anyObject: Check = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
/** Names that would lead elsewhere, or to a device. */
const FORBIDDEN = process.platform === "win32" ? /[\\:\0]/ : /\0/;
/** With `/` on every system. */
const pathInside: Check = (value) =>
  typeof value === "string" && !FORBIDDEN.test(value) && !value.startsWith("/") && !value.split("/").includes("..");
const fileName: Check = (value) => pathInside(value) && !(value as string).includes("/");

const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);
const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);
const fields =
  (checks: Readonly<Record<string, Check>>): Check =>
  (value) =>
    anyObject(value) && Object.entries(checks).every(([key, check]) => check((value as Record<string, unknown>)[key]));

const RESULTS = {
  shard: optional(isShardBlock),
  model: fields({ path: text }),
  backend: fields({ name: text }),
  savedTo: optional(text),
  files: optional(
    listOf(
      fields({
        name: fileName,
        stem: fileName,
        places: listOf(fields({ folder: pathInside, ending: fileName })),
        files: listOf(pathInside),
      }),
    ),
  ),
};
const SPEED = fields({ preprocess: number, inference: number, postprocess: number });

/** What `detect` writes. */
export const isDetectResults = fields({
  ...RESULTS,
  images: listOf(fields({ source: text, error: optional(text) })),
  videos: optional(listOf(fields({ savedTo: optional(text) }))),
});

/** What `val` writes for a shard; `statisticsFromJson` checks the numbers. */
export const isValResults = fields({
  ...RESULTS,
  excluded: listOf(anyObject),
  statistics: fields({ boxes: anyObject, names: listOf(text), failed: whole, ms: SPEED }),
});

/** What `val` writes for a classifier. */
export const isClassificationResults = fields({
  ...RESULTS,
  images: whole,
  perClass: listOf(fields({ class: whole, name: text, images: whole, top1: number, top5: number })),
  top1: number,
  speed: SPEED,
  excluded: listOf(anyObject),
});

const LATENCY = fields({ backend: text, medianMs: number, p95Ms: number, minMs: number, peakBytes: number });

/** What `compress` writes for a shard; `statisticsFromJson` checks the numbers. */
export const isCompressResults = fields({
  shard: optional(isShardBlock),
  rows: listOf(
    fields({
      name: text,
      ...Object.fromEntries(["bytes", "compressedBytes", "parameters", "gflops"].map((key) => [key, number])),
      latency: listOf(LATENCY),
    }),
  ),
  statistics: listOf(fields({ boxes: anyObject })),
});
