/** The model of the run whose jobs a worker does: loaded once, and again when a job of another run comes. */

import { sha256 } from "../../node/files/sha256.js";
import { openLabelFont } from "../../node/pictures/labelFont.js";
import { type DetectSetup, setUpDetect } from "../detect/runOptions.js";
import { workersForPictures } from "../detect/work/detectWorkers.js";
import { InputError } from "../errors.js";
import { type CliModel, describeModel, loadWithSeed } from "../loadModel.js";
import type { DetectFlags } from "../options/flags.js";
import type { Output } from "../output.js";
import type { WorkFlags } from "./flags.js";
import { type JobData, jobsOf, type QueuedRun, readQueuedRun } from "./queuedRun.js";

export interface OpenRun {
  readonly queued: QueuedRun;
  readonly flags: DetectFlags;
  readonly model: CliModel;
  readonly setup: DetectSetup;
}

export class RunModels {
  private current: { readonly run: string; readonly opened: OpenRun } | undefined;

  /** @param output of the worker; messages about single pictures go elsewhere. */
  constructor(
    private readonly own: WorkFlags,
    private readonly output: Output,
  ) {}

  /** @throws InputError for a missing run, or one that this machine would do differently. */
  async of({ folder, run }: JobData): Promise<OpenRun> {
    if (this.current?.run === run) return this.current.opened;
    this.dispose();
    const queued = await readQueuedRun(folder);
    if (queued?.run !== run) {
      throw new InputError(`${folder}: does not hold the run of the job; workers need the folder that enqueue wrote`);
    }
    const opened = await this.open(queued);
    this.current = { run, opened };
    return opened;
  }

  dispose(): void {
    this.current?.opened.setup.workers?.dispose();
    this.current?.opened.model.dispose();
    this.current = undefined;
  }

  private async open(queued: QueuedRun): Promise<OpenRun> {
    const { own, output } = this;
    const { backend, device, threads, workers } = own;
    const flags = { ...queued.flags, backend, device, threads, workers } as DetectFlags;
    const suggested = workersForPictures(flags, queued.pictures / jobsOf(queued));
    const loaded = await loadWithSeed(suggested > 0 ? { ...flags, threads: 1 } : flags, output);
    const { model, contents } = loaded;
    try {
      for (const [i, hash] of queued.weights.entries()) {
        const content = contents[i];
        if (hash === null || typeof content === "string") continue;
        if (sha256(content) !== hash) {
          throw new InputError(`${flags.weights?.[i]}: is not the checkpoint that was enqueued; copy that one here`);
        }
      }
      const count = loaded.workersOf(workers, suggested);
      describeModel(model, output, count);
      const onWarning = (text: string): void => output.warn(text);
      const font = flags.nosave ? undefined : await openLabelFont(model.names, { file: flags.font, onWarning });
      output.keepsJson = true;
      return { queued, flags, model, setup: setUpDetect(flags, loaded, { videos: true, font, count, output }) };
    } catch (error) {
      model.dispose();
      throw error;
    }
  }
}
