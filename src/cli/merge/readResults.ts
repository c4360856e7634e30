/** Reads the JSON of `detect` and `val`, and says what is wrong with it. */

import { NestedJsonError, readJsonFile } from "../../node/files/jsonFile.js";
import { readFailure } from "../../node/files/regularFile.js";
import type { CompressionRow } from "../compress/measure.js";
import { InputError } from "../errors.js";
import type { SourceFiles } from "../files/sourceFiles.js";
import type { StatisticsJson } from "../shards/statisticsJson.js";
import { isClassificationResults, isCompressResults, isDetectResults, isValResults } from "./checkResults.js";

/** What all results have. */
interface Results {
  readonly model: { readonly path: string };
  readonly backend: { readonly name: string };
  readonly savedTo?: string;
  readonly files?: readonly SourceFiles[];
}

export interface DetectResults extends Results {
  readonly images: readonly { readonly source: string; readonly error?: string }[];
  readonly videos?: readonly { readonly savedTo?: string }[];
}

export interface ValResults extends Results {
  readonly excluded: readonly object[];
  readonly statistics: StatisticsJson & {
    readonly names: readonly string[];
    /** How many of `excluded`, the last ones, are the shard's own. */
    readonly failed: number;
  };
}

export interface ClassificationResults extends Results {
  readonly images: number;
  readonly perClass: readonly {
    readonly class: number;
    readonly name: string;
    readonly images: number;
    readonly top1: number;
    readonly top5: number;
  }[];
  readonly speed: { readonly preprocess: number; readonly inference: number; readonly postprocess: number };
  readonly excluded: readonly object[];
}

export type AnyResults = DetectResults | ValResults | ClassificationResults;

/** The results of a `compress` shard, possibly with other fields. */
export interface CompressResults {
  readonly rows: readonly CompressionRow[];
  /** One for each row. */
  readonly statistics: readonly StatisticsJson[];
}

async function readJson(path: string, signal: AbortSignal): Promise<unknown> {
  try {
    return await readJsonFile(path, signal);
  } catch (error) {
    if (signal.aborted) throw error;
    const known = error instanceof NestedJsonError || (error as NodeJS.ErrnoException).code !== undefined;
    const why = known ? readFailure(error, path) : "is not JSON, or is incomplete";
    throw new InputError(`${path}: ${why}; give the results of shards, or run its shard again`, { cause: error });
  }
}

/** @throws InputError for a file that cannot be read, or is not what a shard of `compress` wrote. */
export async function readCompressResults(path: string, signal: AbortSignal): Promise<CompressResults> {
  const content = await readJson(path, signal);
  const results = content as CompressResults;
  if (isCompressResults(content) && results.rows.length === results.statistics.length) return results;
  throw new InputError(`${path}: its rows are damaged; run its shard again`);
}

/** @throws InputError for a file that cannot be read or holds something else. */
export async function readResults(path: string, signal: AbortSignal): Promise<AnyResults> {
  const content = await readJson(path, signal);
  if (isDetectResults(content)) return content as DetectResults;
  if (isValResults(content)) return content as ValResults;
  if (isClassificationResults(content)) return content as ClassificationResults;
  throw new InputError(
    `${path}: holds no results that can be joined; give what detect --json or val --shard i/n --json wrote`,
  );
}

export const isDetect = (results: AnyResults): results is DetectResults =>
  "images" in results && Array.isArray(results.images);

export const isDetection = (results: AnyResults): results is ValResults => "statistics" in results;
