/** One shard of a `val` run: its figures cover its own pictures, and it keeps the statistics for `merge`. */

import { join } from "node:path";
import type { Sample } from "../../eval/dataset/types.js";
import type { LoadedModel } from "../loadModel.js";
import type { Output } from "../output.js";
import { fingerprint } from "../shards/fingerprint.js";
import type { ChosenShard } from "../shards/shardOption.js";
import { ShardRun } from "../shards/shardRun.js";
import type { ValFlags } from "./flags.js";

/** A key that identifies a picture with its labels. */
export function identityOf({ name, truth }: Sample): string {
  return `${name} ${truth.classes.join()} ${truth.boxes.join()}`;
}

export interface ValTask {
  readonly flags: ValFlags;
  readonly output: Output;
  /** The part to measure; undefined: everything. */
  readonly shard: ChosenShard | undefined;
  readonly contents: LoadedModel["contents"];
}

export class ValShard {
  readonly run: ShardRun;
  private readonly flags: ValFlags;
  private readonly output: Output;
  private readonly identity: string;

  /**
   * @param project the parent folder of the run's.
   * @param pictures a key for each picture of the whole data set with its labels.
   */
  constructor({ flags, output, contents }: ValTask, project: string, shard: ChosenShard, pictures: Iterable<string>) {
    this.flags = flags;
    this.output = output;
    this.identity = fingerprint("val", flags, contents, pictures);
    this.run = new ShardRun({ shard, parent: join(project, flags.name), json: output.jsonFile });
  }

  /** The exit code, if the shard is done. */
  skipped(): Promise<number | undefined> {
    return this.run.skipped(this.flags, this.identity, this.output);
  }

  /**
   * Publishes the results, if all of the shard's pictures were measured.
   * @param failed pictures that could not be read: the others are measured without them, as in a run that has no shards.
   */
  async finish(results: { readonly complete: boolean }, failed: number): Promise<void> {
    if (!results.complete) return this.run.discard();
    await this.run.publish({ command: "val", run: this.identity, failed }, results, this.output);
  }
}
