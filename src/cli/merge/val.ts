/** Joins the statistics of `val`: the figures of one process, to the last digit. */

import { Breather } from "../../breathe.js";
import { type EvaluationStatistics, mergeStatistics } from "../../eval/statistics/tallies.js";
import { InputError } from "../errors.js";
import type { Output } from "../output.js";
import { statisticsFromJson } from "../shards/statisticsJson.js";
import { counted } from "../table.js";
import { evaluationJson } from "../val/json.js";
import { tableHeader, tableRows } from "../val/table.js";
import type { MergeInput } from "./inputs.js";
import type { JoinedFiles } from "./joinFiles.js";
import { type ClassificationResults, isDetect, isDetection, readResults, type ValResults } from "./readResults.js";

/** @throws InputError. */
export async function mergeVal(
  inputs: readonly MergeInput[],
  joined: JoinedFiles | undefined,
  output: Output,
): Promise<object> {
  const all: (ValResults | ClassificationResults)[] = [];
  const breather = new Breather(output.io.signal);
  for (const { path, folder } of inputs) {
    await breather.rest();
    const results = await readResults(path, output.io.signal);
    if (isDetect(results)) throw new InputError(`${path}: holds detections, not figures of val; merge them separately`);
    all.push(results);
    const from = folder ?? results.savedTo;
    if (joined && from !== undefined) await joined.add(from, results.files ?? []);
  }
  await joined?.finish();
  const [first] = all;
  const savedTo = joined && all.some((results) => results.savedTo !== undefined) ? { savedTo: joined.savedTo } : {};
  const { model, backend } = first;
  const about = { model, backend, ...savedTo };
  if (all.some((results) => JSON.stringify(results.backend) !== JSON.stringify(backend))) {
    output.warn(
      "the shards ran on different backends, whose results may differ in the last digits; the first is named",
    );
  }
  const detection = all.filter(isDetection);
  if (detection.length === all.length) return { ...mergeDetection(detection, inputs, output), ...about };
  const classification = all.filter((results): results is ClassificationResults => !isDetection(results));
  if (classification.length < all.length) throw new InputError("boxes and classifications cannot be joined");
  return { ...mergeClassification(classification, output), ...about };
}

function mergeDetection(all: readonly ValResults[], inputs: readonly MergeInput[], output: Output): object {
  const [first, ...others] = all.map(({ statistics }, i): EvaluationStatistics => {
    try {
      return statisticsFromJson(statistics);
    } catch (error) {
      throw new InputError(`${inputs[i].path}: its statistics are damaged; run its shard again`, { cause: error });
    }
  });
  const other = others.findIndex(({ classes }) => classes !== first.classes);
  if (other !== -1) {
    const [own, theirs] = [first.classes, others[other].classes];
    throw new InputError(`${inputs[other + 1].path}: has ${theirs} classes, but ${inputs[0].path} has ${own}`);
  }
  const figures = mergeStatistics([first, ...others]);
  const { names } = all[0].statistics;
  const { metrics, maskMetrics, keypointMetrics } = figures;
  output.line(tableHeader(maskMetrics ? "Mask" : keypointMetrics && "Pose"));
  output.lines(() => tableRows(names, metrics, maskMetrics ?? keypointMetrics, names.length > 1));
  // Every shard has read all labels; files that turn out unreadable later are counted per shard.
  const unread = all.flatMap(({ excluded, statistics }) => excluded.slice(excluded.length - statistics.failed));
  const { excluded, statistics } = all[0];
  return {
    ...evaluationJson({ ...figures, complete: true, failed: [] }, names),
    excluded: [...excluded.slice(0, excluded.length - statistics.failed), ...unread],
  };
}

interface Tally {
  readonly name: string;
  images: number;
  top1: number;
  top5: number;
}

function mergeClassification(all: readonly ClassificationResults[], output: Output): object {
  const tallies = new Map<number, Tally>();
  const ms = { preprocess: 0, inference: 0, postprocess: 0 };
  for (const { images, perClass, speed } of all) {
    for (const own of perClass) {
      const tally = tallies.get(own.class) ?? { name: own.name, images: 0, top1: 0, top5: 0 };
      tallies.set(own.class, tally);
      tally.images += own.images;
      // The share of a whole number of pictures: rounding gives it back exactly.
      tally.top1 += Math.round(own.top1 * own.images);
      tally.top5 += Math.round(own.top5 * own.images);
    }
    for (const key of ["preprocess", "inference", "postprocess"] as const) ms[key] += speed[key] * images;
  }
  const sorted = [...tallies].sort(([a], [b]) => a - b);
  const sum = (key: "images" | "top1" | "top5"): number => sorted.reduce((total, [, tally]) => total + tally[key], 0);
  const images = sum("images");
  const share = (hits: number, of: number): number => (of === 0 ? 0 : hits / of);
  const [top1, top5] = [share(sum("top1"), images), share(sum("top5"), images)];
  output.line(`${counted(images, "picture")}, top1_acc ${top1.toPrecision(3)}, top5_acc ${top5.toPrecision(3)}`);
  return {
    images,
    top1,
    top5,
    perClass: sorted.map(([index, { name, ...own }]) => ({
      class: index,
      name,
      images: own.images,
      top1: share(own.top1, own.images),
      top5: share(own.top5, own.images),
    })),
    speed: {
      preprocess: share(ms.preprocess, images),
      inference: share(ms.inference, images),
      postprocess: share(ms.postprocess, images),
    },
    complete: true,
    excluded: all.flatMap(({ excluded }) => excluded),
  };
}
