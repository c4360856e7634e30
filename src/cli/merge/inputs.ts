/** The arguments of `merge` → the JSON files of all shards of one run, in order. */

import { readdir, realpath, stat } from "node:fs/promises";
import { basename, dirname, join, resolve, sep } from "node:path";
import { byName } from "../../node/files/order.js";
import { InputError } from "../errors.js";
import { readShardBlock, type ShardBlock } from "../shards/shardBlock.js";
import { RESULTS, shardOfFolder, shardText } from "../shards/shardNames.js";

export interface MergeInput {
  /** The JSON file. */
  readonly path: string;
  /** Undefined for the JSON of a run without shards. */
  readonly block: ShardBlock | undefined;
  /** The shard's folder, if the file is in it. */
  readonly folder: string | undefined;
}

export interface MergeInputs {
  readonly files: readonly MergeInput[];
  /** Folders that hold label files only. */
  readonly labels: readonly string[];
}

/** Numbers of missing shards that are listed. */
const MOST_LISTED = 10;

/**
 * @param paths JSON files, folders of shards, folders that hold these, folders of label files.
 * @throws InputError for files that are missing, incomplete, or from another run.
 */
export async function findInputs(paths: readonly string[]): Promise<MergeInputs> {
  const files: MergeInput[] = [];
  const labels: string[] = [];
  for (const path of paths) {
    const found = await stat(path).catch(() => undefined);
    if (!found) throw new InputError(`${path}: no such file or folder; give what the shards wrote`);
    if (!found.isDirectory()) files.push(await inputOf(path));
    else {
      const inside = await resultsIn(path);
      if (inside.length > 0) for (const file of inside) files.push(await inputOf(file));
      else labels.push(await labelFolder(path));
    }
  }
  if (files.length > 0 && labels.length > 0) {
    throw new InputError(
      `${labels[0]}: holds label files without results, unlike ${files[0].path}; merge them separately`,
    );
  }
  return { files: checked(files), labels };
}

/** The results that a folder holds: its own, those of its shards, or any JSON files of shards. */
async function resultsIn(folder: string): Promise<string[]> {
  const names = (await readdir(folder)).sort(byName);
  if (names.includes(RESULTS)) return [join(folder, RESULTS)];
  const shards = names.filter((name) => shardOfFolder(name) !== undefined);
  if (shards.length > 0) return shards.map((name) => join(folder, name, RESULTS));
  const found: string[] = [];
  for (const name of names.filter((name) => name.endsWith(".json"))) {
    const path = join(folder, name);
    if (await readShardBlock(path)) found.push(path);
  }
  return found;
}

async function labelFolder(path: string): Promise<string> {
  const root = await realpath(path);
  for (const folder of [join(path, "labels"), path]) {
    const names = await readdir(folder).catch((): string[] => []);
    if (!names.some((name) => name.endsWith(".txt"))) continue;
    if (!`${await realpath(folder)}${sep}`.startsWith(root + sep)) {
      throw new InputError(`${folder}: leads out of the shard's folder; give its own path`);
    }
    return folder;
  }
  throw new InputError(`${path}: holds neither results of shards nor label files`);
}

async function inputOf(path: string): Promise<MergeInput> {
  const folder = dirname(path);
  const inFolder = basename(path) === RESULTS && shardOfFolder(basename(resolve(folder))) !== undefined;
  return { path, block: await readShardBlock(path), folder: inFolder ? folder : undefined };
}

/** @throws InputError unless they are one run, whole. */
function checked(files: readonly MergeInput[]): readonly MergeInput[] {
  const whole = files.find(({ block }) => block === undefined);
  const part = files.find(({ block }) => block !== undefined);
  if (!part?.block) return files;
  if (whole) throw new InputError(`${whole.path}: is not a shard, unlike ${part.path}; merge shards of one run`);
  const { run, count, command } = part.block;
  const own = new Map<number, MergeInput>();
  for (const file of files) {
    const { block } = file;
    if (!block) continue;
    if (block.count !== count) {
      throw new InputError(
        `${file.path}: is shard ${shardText(block)}, but ${part.path} is ${shardText(part.block)}; remove one of the runs`,
      );
    }
    if (block.run !== run || block.command !== command) {
      throw new InputError(
        `${file.path}: belongs to a different run than ${part.path}: other options, weights or pictures; run all shards in the same way`,
      );
    }
    if (!own.has(block.index)) own.set(block.index, file);
  }
  const missing = Array.from({ length: count }, (_, index) => index).filter((index) => !own.has(index));
  if (missing.length > 0) {
    const listed = missing.slice(0, MOST_LISTED).join(", ");
    const more = missing.length > MOST_LISTED ? ` and ${missing.length - MOST_LISTED} more` : "";
    const are = missing.length === 1 ? `shard ${listed} of ${count} is` : `shards ${listed}${more} of ${count} are`;
    throw new InputError(`${are} missing; run the command again with --shard ${missing[0]}/${count}, or --resume all`);
  }
  return [...own].sort(([a], [b]) => a - b).map(([, file]) => file);
}
