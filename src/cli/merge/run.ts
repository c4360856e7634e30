/** `yolov5 merge`: what shards wrote, as if one process had done all of it. */

import { mkdir, readdir, rm } from "node:fs/promises";
import { dirname, join, resolve, sep } from "node:path";
import { outputError } from "../../node/files/systemReason.js";
import { openWhole } from "../../node/files/wholeFile.js";
import { makeFolder, temporaryName, writeTarget } from "../../node/files/writeFile.js";
import { printableJson } from "../../printable.js";
import { EXIT, InputError, UsageError } from "../errors.js";
import type { CommonFlags } from "../options/flags.js";
import type { Output } from "../output.js";
import { RESULTS } from "../shards/shardNames.js";
import { replaceFolder } from "../shards/shardRun.js";
import { counted, grouped } from "../table.js";
import { mergeCompress } from "./compress.js";
import { type MergedDetect, mergeDetect } from "./detect.js";
import { findInputs, type MergeInput } from "./inputs.js";
import { JoinedFiles, joinLabels } from "./joinFiles.js";
import { type JsonSink, sinkToStream } from "./jsonStream.js";
import { isDetect, readResults } from "./readResults.js";
import { mergeVal } from "./val.js";

export interface MergeFlags extends Omit<CommonFlags, "backend"> {
  readonly output?: string;
}

export async function runMerge(paths: readonly string[], flags: MergeFlags, output: Output): Promise<number> {
  const { output: target = flags.json } = flags;
  if (target === undefined || target === "") {
    throw new UsageError("--output is missing; give a .json file, or a folder for all files of the shards");
  }
  if (flags.output !== undefined && flags.json !== undefined) {
    throw new UsageError("--output and --json both name the result; give one of them");
  }
  const { files, labels } = await findInputs(paths);
  const json = flags.json !== undefined || (await isJson(target));
  if (labels.length > 0) {
    if (json) throw new UsageError(`--output ${target}: ${labels[0]} holds label files; give a folder`);
    await refuseFolder(target, labels);
    output.line(`${grouped(await joinLabels(labels, target, output.io.signal))} label files saved to ${target}`);
    return EXIT.done;
  }
  if (json) await mergeJson(files, target, output);
  else await mergeFolder(files, target, output);
  return EXIT.done;
}

/** Whether `--output` names a file: by its name, or because a pipe or device can be no folder. */
async function isJson(target: string): Promise<boolean> {
  if (target === "-" || target.endsWith(".json")) return true;
  const found = await writeTarget(target).catch(() => undefined);
  return found?.kind === "stream";
}

async function mergeJson(files: readonly MergeInput[], target: string, output: Output): Promise<void> {
  const sink = target === "-" ? sinkToStream(output.io.stdout) : await openWhole(target, { signal: output.io.signal });
  await mergeInto(files, { sink, joined: undefined }, output);
  if (target !== "-") output.line(`Results saved to ${target}`);
}

/**
 * Results and files in a folder, which appears whole.
 * @param replaces whether an earlier result may be there.
 * @throws UsageError if it is not empty; InputError, OutputError.
 */
export async function mergeFolder(
  files: readonly MergeInput[],
  target: string,
  output: Output,
  replaces = false,
): Promise<Merged> {
  const inputs = files.map(({ path }) => path);
  await refuseFolder(target, inputs, replaces);
  const work = temporaryName(resolve(target));
  try {
    await makeFolder(dirname(work));
    await mkdir(work);
  } catch (error) {
    throw outputError(target, error);
  }
  try {
    const joined = new JoinedFiles(work, target, output.io.signal);
    const merged = await mergeInto(files, { sink: await openWhole(join(work, RESULTS)), joined }, output);
    await replaceFolder(work, target);
    output.line(`${counted(joined.count, "file")} and ${RESULTS} saved to ${target}`);
    return merged;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** The failures of a merged `detect`; none for `val`. */
export type Merged = Pick<MergedDetect, "failed">;

interface MergeTarget {
  readonly sink: JsonSink;
  readonly joined: JoinedFiles | undefined;
}

async function mergeInto(files: readonly MergeInput[], { sink, joined }: MergeTarget, output: Output): Promise<Merged> {
  try {
    const [first] = files;
    const shards = files.length === 1 ? "1 shard" : `${grouped(files.length)} shards`;
    const command =
      first.block?.command ?? (isDetect(await readResults(first.path, output.io.signal)) ? "detect" : "val");
    let merged: Merged = { failed: [] };
    let summary = `${shards} of ${command}`;
    if (command === "detect") {
      const { images, failed } = await mergeDetect(files, { sink, joined, output });
      summary = `${shards}, ${counted(images, "result")}, ${grouped(failed.length)} of them failed`;
      merged = { failed };
    } else {
      const results = command === "val" ? await mergeVal(files, joined, output) : await mergeCompress(files, output);
      await sink.write(`${printableJson(results)}\n`);
    }
    await sink.finish();
    // The summary is printed only once the file exists.
    output.line(summary);
    return merged;
  } catch (error) {
    // Results may be nested more deeply than can be written.
    if (!(error instanceof RangeError)) throw error;
    throw new InputError(`${files[0].path}: demands more than can be joined (${error.message}); it is damaged`);
  } finally {
    await sink.abandon();
  }
}

/** @throws UsageError for a folder that holds something, or the inputs. */
async function refuseFolder(target: string, inputs: readonly string[], replaces = false): Promise<void> {
  const own = resolve(target) + sep;
  const inside = inputs.find((path) => (resolve(path) + sep).startsWith(own));
  if (inside !== undefined) throw new UsageError(`--output ${target}: ${inside} is in it; give another folder`);
  const names = replaces ? [] : await readdir(target).catch((): string[] => []);
  if (names.length > 0) throw new UsageError(`--output ${target}: is not empty; give a new folder`);
}
