/** Joins what `detect` found, one shard after the other: the JSON of one process, written as it is read. */

import { join, relative, sep } from "node:path";
import { Breather } from "../../breathe.js";
import { printableJson } from "../../printable.js";
import { InputError } from "../errors.js";
import type { Output } from "../output.js";
import type { MergeInput } from "./inputs.js";
import type { JoinedFiles } from "./joinFiles.js";
import { JsonList, type JsonSink } from "./jsonStream.js";
import { type DetectResults, isDetect, readResults } from "./readResults.js";

export interface MergedDetect {
  readonly images: number;
  readonly failed: readonly { readonly source: string; readonly error: string }[];
}

/**
 * @param inputs in the order of the pictures.
 * @param joined takes the shards' files; undefined: only the JSON is wanted.
 * @throws InputError for results that do not belong together.
 */
export async function mergeDetect(
  inputs: readonly MergeInput[],
  {
    sink,
    joined,
    output,
  }: { readonly sink: JsonSink; readonly joined: JoinedFiles | undefined; readonly output: Output },
): Promise<MergedDetect> {
  let first: DetectResults | undefined;
  const images = new JsonList(sink);
  const videos: object[] = [];
  const failed: { source: string; error: string }[] = [];
  let count = 0;
  let saved = false;
  const breather = new Breather(output.io.signal);
  for (const input of inputs) {
    await breather.rest();
    const results = await readResults(input.path, output.io.signal);
    if (!isDetect(results))
      throw new InputError(`${input.path}: holds figures of val, not detections; merge them separately`);
    if (!first) {
      first = results;
      const { model, backend } = results;
      await sink.write(`{"model":${printableJson(model)},"backend":${printableJson(backend)},"images":[`);
    }
    checkSame(input.path, results, inputs[0].path, first, output);
    for (const entry of results.images) {
      await images.add(entry);
      await breather.rest();
      count++;
      const { source, error } = entry;
      if (error !== undefined) failed.push({ source, error });
    }
    saved ||= results.savedTo !== undefined;
    const from = input.folder ?? results.savedTo;
    const moved = joined && from !== undefined ? await joined.add(from, results.files ?? []) : undefined;
    const places = new Map([...(moved ?? [])].map(([file, to]) => [join(file), to]));
    for (const video of results.videos ?? []) {
      videos.push(movedVideo(video, from, places));
      await breather.rest();
    }
  }
  await joined?.finish();
  await sink.write("]");
  if (videos.length > 0) await sink.write(`,"videos":${printableJson(videos)}`);
  if (joined && saved) await sink.write(`,"savedTo":${printableJson(joined.savedTo)}`);
  await sink.write("}\n");
  return { images: count, failed };
}

function checkSame(path: string, own: DetectResults, firstPath: string, first: DetectResults, output: Output): void {
  if (JSON.stringify(own.model) !== JSON.stringify(first.model)) {
    throw new InputError(
      `${path}: comes from another model (${own.model.path}) than ${firstPath} (${first.model.path})`,
    );
  }
  if (JSON.stringify(own.backend) !== JSON.stringify(first.backend)) {
    output.warn(
      "the shards ran on different backends, whose results may differ in the last digits; the first is named",
    );
  }
}

/** Folders within a run's folder in which its videos may lie. */
const MOST_FOLDERS = 8;

/**
 * A video's report with the file's new place.
 * @param places where the shard's files went, by their paths in its folder.
 */
function movedVideo(
  video: { readonly savedTo?: string },
  from: string | undefined,
  places: ReadonlyMap<string, string>,
): object {
  const { savedTo } = video;
  if (savedTo === undefined || from === undefined || places.size === 0) return video;
  const parts = savedTo.split(sep);
  // The run's folder may have been moved since; the file's name in it has not changed.
  const ends = Array.from({ length: Math.min(parts.length, MOST_FOLDERS) }, (_, i) => parts.slice(-i - 1).join(sep));
  const to = [relative(from, savedTo), ...ends.toReversed()]
    .map((name) => places.get(name))
    .find((place) => place !== undefined);
  return to === undefined ? video : { ...video, savedTo: to };
}
