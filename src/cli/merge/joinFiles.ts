/** The files of all shards in one folder, under the names that one process would have given them. */

import { constants } from "node:fs";
import { copyFile, readdir, realpath } from "node:fs/promises";
import { basename, dirname, extname, join, relative, sep } from "node:path";
import { Breather } from "../../breathe.js";
import { readJsonFile } from "../../node/files/jsonFile.js";
import { readFailure, readRegularFile, statRegular } from "../../node/files/regularFile.js";
import { outputError } from "../../node/files/systemReason.js";
import { openWhole } from "../../node/files/wholeFile.js";
import { makeFolder, writeAtomically } from "../../node/files/writeFile.js";
import { InputError } from "../errors.js";
import { RunPaths } from "../files/runPaths.js";
import type { SourceFiles } from "../files/sourceFiles.js";
import { RESULTS } from "../shards/shardNames.js";
import { JsonList } from "./jsonStream.js";

const PREDICTIONS = "_predictions.json";

export class JoinedFiles {
  private readonly paths = new RunPaths();
  private readonly predictions = new Map<string, unknown[]>();
  private readonly breather: Breather;
  private copied = 0;

  /**
   * @param folder takes the files.
   * @param savedTo what it will be called.
   */
  constructor(
    private readonly folder: string,
    readonly savedTo: string,
    private readonly signal: AbortSignal,
  ) {
    this.breather = new Breather(signal);
  }

  get count(): number {
    return this.copied;
  }

  /**
   * Copies the files of one shard; shards must come in their order.
   * @param from the shard's folder.
   * @returns where each went, by its path in the shard's folder.
   * @throws OutputError; InputError for a file that is gone, or a link or pipe in its place.
   */
  async add(from: string, sources: readonly SourceFiles[]): Promise<ReadonlyMap<string, string>> {
    const moved = new Map<string, string>();
    const root = await realpath(from).catch(() => from);
    for (const { name, stem, places, files } of sources) {
      const inside = places.map(({ folder, ending }) => ({ folder: join(this.folder, folder), ending }));
      const own = this.paths.claim(name, inside);
      const direct = new Map(
        places.map(({ folder, ending }) => [join(folder, stem + ending), join(this.folder, folder, own + ending)]),
      );
      for (const file of files) {
        this.signal.throwIfAborted();
        const to = direct.get(join(file)) ?? this.further(file, stem, own);
        await this.copy(root, join(from, file), to);
        moved.set(file, join(this.savedTo, relative(this.folder, to)));
      }
    }
    await this.addPredictions(root, from);
    return moved;
  }

  /** Writes a file that covers all shards. */
  async finish(): Promise<void> {
    for (const [name, entries] of this.predictions) {
      const sink = await openWhole(join(this.folder, name));
      try {
        const list = new JsonList(sink);
        await sink.write("[");
        for (const entry of entries) {
          await list.add(entry);
          await this.breather.rest();
        }
        await sink.write("]");
        await sink.finish();
      } finally {
        await sink.abandon();
      }
    }
  }

  /** A crop, or the labels of a frame: named after the stem, and numbered by their run. */
  private further(file: string, stem: string, own: string): string {
    const folder = join(this.folder, dirname(file));
    const ending = extname(file);
    const name = basename(file, ending);
    const crop = file.startsWith("crops/");
    const wanted = crop || !name.startsWith(stem) ? own : own + name.slice(stem.length);
    return this.paths.claimFile(folder, wanted, ending, crop ? "" : "_");
  }

  private async copy(root: string, from: string, to: string): Promise<void> {
    await checkSource(root, from);
    try {
      await makeFolder(dirname(to));
      await copyFile(from, to, constants.COPYFILE_FICLONE);
    } catch (error) {
      throw outputError(to, error);
    }
    this.copied++;
  }

  /** COCO's results are one list. */
  private async addPredictions(root: string, from: string): Promise<void> {
    const names = await readdir(from).catch((): string[] => []);
    for (const name of names.filter((name) => name.endsWith(PREDICTIONS) && name !== RESULTS)) {
      const all = this.predictions.get(name) ?? [];
      const path = join(from, name);
      await checkSource(root, path);
      for (const entry of await readList(path, this.signal)) all.push(entry);
      this.predictions.set(name, all);
    }
  }
}

/** A file of the shard itself: results say what to copy, and may come from anyone. @throws InputError. */
async function checkSource(root: string, path: string): Promise<void> {
  let found: string;
  try {
    await statRegular(path);
    found = await realpath(path);
  } catch (error) {
    const gone = (error as NodeJS.ErrnoException).code === "ENOENT";
    throw new InputError(`${path}: ${gone ? "is missing" : readFailure(error, path)}; run its shard again`);
  }
  if (!found.startsWith(root + sep)) {
    throw new InputError(`${path}: leads out of the shard's folder; run its shard again`);
  }
}

/** @throws InputError. */
async function readList(path: string, signal: AbortSignal): Promise<readonly unknown[]> {
  let content: unknown;
  try {
    content = await readJsonFile(path, signal);
  } catch (error) {
    if (signal.aborted) throw error;
    if (!(error instanceof SyntaxError)) {
      throw new InputError(`${path}: ${readFailure(error, path)}; run its shard again`, { cause: error });
    }
  }
  if (!Array.isArray(content)) throw new InputError(`${path}: is not a list in JSON; run its shard again`);
  return content;
}

/** @throws InputError. */
async function readBytes(path: string): Promise<Buffer> {
  try {
    return await readRegularFile(path);
  } catch (error) {
    throw new InputError(`${path}: ${readFailure(error, path)}; run its shard again`, { cause: error });
  }
}

/**
 * Folders of label files without results: what they hold, in one folder.
 * @returns how many files there are.
 * @throws InputError for two different files of one name.
 */
export async function joinLabels(folders: readonly string[], to: string, signal: AbortSignal): Promise<number> {
  const from = new Map<string, string>();
  for (const folder of folders) {
    const root = await realpath(folder);
    for (const name of await readdir(folder)) {
      signal.throwIfAborted();
      if (!name.endsWith(".txt")) continue;
      const path = join(folder, name);
      await checkSource(root, path);
      const other = from.get(name);
      if (other === undefined) from.set(name, path);
      else if (!(await readBytes(path)).equals(await readBytes(other))) {
        throw new InputError(
          `${path}: differs from ${other}, a file with the same name; give the folders of the shards, whose results tell the pictures apart`,
        );
      }
    }
  }
  for (const [name, path] of from) {
    signal.throwIfAborted();
    await writeAtomically(join(to, name), await readBytes(path));
  }
  return from.size;
}
