/** Joins the shards of `compress`: the steps are the same in all, the figures are those of all pictures. */

import { Breather } from "../../breathe.js";
import { type EvaluationStatistics, mergeStatistics } from "../../eval/statistics/tallies.js";
import { accuracyOf, type CompressionRow } from "../compress/measure.js";
import { compressionTable } from "../compress/table.js";
import { InputError } from "../errors.js";
import type { Output } from "../output.js";
import { type StatisticsJson, statisticsFromJson } from "../shards/statisticsJson.js";
import type { MergeInput } from "./inputs.js";
import { type CompressResults, readCompressResults } from "./readResults.js";

/**
 * Sizes and times are those of the first shard.
 * @param inputs in the order of the shards.
 * @throws InputError for shards whose steps are not the same.
 */
export async function mergeCompress(inputs: readonly MergeInput[], output: Output): Promise<object> {
  const all: CompressResults[] = [];
  const breather = new Breather(output.io.signal);
  for (const { path } of inputs) {
    await breather.rest();
    const own = await readCompressResults(path, output.io.signal);
    all.push(own);
    const stepsOf = ({ rows }: CompressResults): string => JSON.stringify(rows.map(({ name, bytes }) => [name, bytes]));
    if (stepsOf(own) !== stepsOf(all[0])) {
      throw new InputError(
        `${path}: wrote different files than ${inputs[0].path}; run all shards with the same --backend`,
      );
    }
  }
  const [first] = all;
  const rows = first.rows.map((row, i): CompressionRow => {
    const [own, ...others] = all.map(({ statistics }, shard) => statisticsOf(statistics[i], inputs[shard].path));
    const other = others.findIndex(({ classes }) => classes !== own.classes);
    if (other !== -1) throw new InputError(`${inputs[other + 1].path}: has different classes from ${inputs[0].path}`);
    return { ...row, ...accuracyOf(mergeStatistics([own, ...others])) };
  });
  output.lines(() => compressionTable(rows));
  const { shard: _, statistics: _statistics, ...results } = first as CompressResults & { readonly shard: object };
  return { ...results, rows };
}

function statisticsOf(json: StatisticsJson, path: string): EvaluationStatistics {
  try {
    return statisticsFromJson(json);
  } catch (error) {
    throw new InputError(`${path}: its statistics are damaged; run its shard again`, { cause: error });
  }
}
