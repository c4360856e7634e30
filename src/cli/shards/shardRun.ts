/**
 * Where a shard's results go: its own folder, `<project>/<name>/shard-00003-of-00007`, that appears whole or not at
 * all, with its JSON in it; and a JSON file, if one is named. A shard may be repeated at any time.
 */

import { randomUUID } from "node:crypto";
import { mkdir, rename, rm } from "node:fs/promises";
import { join, relative } from "node:path";
import { outputError } from "../../node/files/systemReason.js";
import { makeFolder, writeAtomically } from "../../node/files/writeFile.js";
import { printableJson } from "../../printable.js";
import { EXIT, InputError, UsageError } from "../errors.js";
import { checkDestinations } from "../files/destinations.js";
import type { SaveFolder } from "../files/runFolder.js";
import type { Output } from "../output.js";
import { readShardBlock, type ShardBlock } from "./shardBlock.js";
import { RESULTS, shardFile, shardFolderName, shardText } from "./shardNames.js";
import { type ChosenShard, chooseShard, inArray, type ShardFlag } from "./shardOption.js";

export interface ShardFlags {
  readonly shard?: ShardFlag | undefined;
  readonly resume?: boolean | undefined;
}

export interface ShardRunOptions {
  readonly shard: ChosenShard;
  /** Holds the folders of all shards. */
  readonly parent: string;
  /** A further file for the JSON. */
  readonly json: string | undefined;
  /** Existing results of the same run are kept, for example if two processes got the same job. Default false. */
  readonly keeps?: boolean;
}

/**
 * The shard requested by the command line or a scheduler; undefined: the run does everything.
 * @throws UsageError, InputError.
 */
export async function shardAsked(flags: ShardFlags, output: Output): Promise<ChosenShard | undefined> {
  const { env } = output.io;
  const shard = chooseShard(flags.shard, env);
  if (!shard) {
    if (flags.resume) throw new UsageError("--resume skips shards that are done; give --shard i/n");
    return undefined;
  }
  if (output.wantsNdjson)
    throw new UsageError("--ndjson is not available with shards, which are written as a whole; use --json");
  const json = output.jsonFile;
  if (json !== undefined) {
    const own = shardFile(json, shard, inArray(env));
    if (own !== json) {
      await checkDestinations({ json: own });
      output.jsonFile = own;
    }
    await refuseOtherShard(own, shard);
  }
  if (flags.resume && json === undefined && output.wantsJson) {
    throw new UsageError("--resume needs a file to look into; give --json FILE instead of --json -");
  }
  output.keepsJson = true;
  const from = shard.variable === undefined ? "" : ` (${shard.variable}=${env[shard.variable]})`;
  output.line(`Shard:   ${shardText(shard)}${from}`);
  return shard;
}

export class ShardRun {
  readonly shard: ChosenShard;
  /** Where the shard's files will be. */
  readonly folder: string;
  private readonly parent: string;
  private readonly json: string | undefined;
  private readonly keeps: boolean;
  private work: string | undefined;

  constructor({ shard, parent, json, keeps = false }: ShardRunOptions) {
    this.keeps = keeps;
    this.shard = shard;
    this.parent = parent;
    this.folder = join(parent, shardFolderName(shard));
    this.json = json;
  }

  /** The file whose presence says that the shard is done. */
  private get marker(): string {
    return this.json ?? join(this.folder, RESULTS);
  }

  /** The folder to write into. */
  get saveFolder(): SaveFolder {
    return { open: () => this.open(), finalPath: (path) => this.finalPath(path), listsFiles: true };
  }

  /** A folder to write into, which `publish` renames. @throws OutputError. */
  private async open(): Promise<string> {
    if (this.work !== undefined) return this.work;
    const work = join(this.parent, `.${shardFolderName(this.shard)}.${process.pid}-${randomUUID().slice(0, 8)}.part`);
    try {
      await makeFolder(this.parent);
      await mkdir(work);
    } catch (error) {
      throw outputError(work, error);
    }
    this.work = work;
    return work;
  }

  /** A path in the folder of `open` as it will be. */
  private finalPath(path: string): string {
    return this.work === undefined ? path : join(this.folder, relative(this.work, path));
  }

  /** The shard's results, if they are those of this run. */
  async done(run: string): Promise<ShardBlock | undefined> {
    const { index, count } = this.shard;
    const block = await readShardBlock(this.marker);
    return block?.run === run && block.index === index && block.count === count ? block : undefined;
  }

  /**
   * With --resume: says that there is nothing to do.
   * @returns the exit code; undefined if the shard is to be done.
   */
  async skipped(flags: ShardFlags, run: string, output: Output): Promise<number | undefined> {
    if (!flags.resume) return undefined;
    const block = await this.done(run);
    if (!block) return undefined;
    const failed = block.failed === 0 ? "" : `, with ${block.failed} that failed`;
    output.line(`Shard ${shardText(this.shard)} is done${failed}: ${this.marker}`);
    return block.failed === 0 ? EXIT.done : EXIT.failed;
  }

  /**
   * Makes the results visible, all at once.
   * @throws OutputError; InputError if the JSON file is another shard's.
   */
  async publish(block: Pick<ShardBlock, "command" | "run" | "failed">, results: object, output: Output): Promise<void> {
    const { index, count } = this.shard;
    const content = { shard: { index, count, ...block }, ...results };
    if (this.json === undefined || this.work !== undefined) {
      const work = await this.open();
      await writeAtomically(join(work, RESULTS), `${printableJson(content)}\n`);
      const stays = this.keeps ? async () => (await this.done(block.run)) !== undefined : undefined;
      await replaceFolder(work, this.folder, stays);
      this.work = undefined;
      output.line(`Shard ${shardText(this.shard)} saved to ${this.folder}`);
    }
    if (this.json !== undefined) await refuseOtherShard(this.json, this.shard);
    await output.writeJson(content);
  }

  /** Removes what an unfinished run has written. */
  async discard(): Promise<void> {
    const { work } = this;
    this.work = undefined;
    if (work !== undefined) await rm(work, { recursive: true, force: true }).catch(() => undefined);
  }
}

/** @throws InputError. */
async function refuseOtherShard(json: string, shard: ChosenShard): Promise<void> {
  const block = await readShardBlock(json);
  if (!block || (block.index === shard.index && block.count === shard.count)) return;
  throw new InputError(
    `${json}: holds shard ${shardText(block)}; give each shard a file of its own, for example --json out-{shard}.json`,
  );
}

/** How often another process may get in the way with its folder. */
const ATTEMPTS = 20;

/**
 * Renames a folder over another, which is removed.
 * @param stays whether the other one is to stay, and this one to go.
 * @throws OutputError.
 */
export async function replaceFolder(from: string, to: string, stays?: () => Promise<boolean>): Promise<void> {
  const old = `${from}.old`;
  try {
    for (let attempt = 1; ; attempt++) {
      try {
        await rename(from, to);
        break;
      } catch (error) {
        const { code = "" } = error as NodeJS.ErrnoException;
        if (!["ENOTEMPTY", "EEXIST", "EPERM"].includes(code) || attempt === ATTEMPTS) throw error;
        if (await stays?.()) {
          await rm(from, { recursive: true, force: true });
          return;
        }
        await rename(to, old).catch(() => undefined);
        await rm(old, { recursive: true, force: true });
      }
    }
  } catch (error) {
    throw outputError(to, error);
  }
}
