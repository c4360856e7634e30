/** `yolov5 enqueue` and `yolov5 work`: jobs in a queue for any number of machines. */

import type { Command } from "commander";
import { positive, whole } from "../options/values.js";
import type { EnqueueFlags, WorkFlags } from "../queue/flags.js";
import { addCommonOptions, type Start, WORKERS_HELP } from "./common.js";
import { addDetectOptions } from "./detectOptions.js";

const QUEUE_HELP = "the Redis server: redis://[user:password@]host:6379[/database], or rediss:// with TLS";

const ENQUEUE_AFTER = `
Needs two packages: npm install bullmq ioredis. The folder of the run (--project, --name) must be on a disk that all workers
see under the same path, as must pictures and weights that are files. docs/scale.md describes both commands.

Examples:
  yolov5 enqueue --queue redis://queue:6379 --weights /data/best.pt --source /data/list.txt --project /data/out --watch
  yolov5 work --queue redis://queue:6379                                    on every machine`;

export function defineEnqueue(program: Command, start: Start): void {
  const command = program
    .command("enqueue")
    .summary("put pictures into a queue, as jobs for any number of workers")
    .description(
      "Splits the pictures of a detect run into jobs, which yolov5 work processes on any number of machines.",
    )
    .optionsGroup("Queue:")
    .requiredOption("--queue <url>", QUEUE_HELP)
    .option("--queue-name <name>", "name of the queue", "yolov5")
    .option("--job-size <n>", "pictures in a job", whole(1, 1e6), 200)
    .option("--attempts <n>", "how often a job is tried before it counts as failed", whole(1, 100), 3)
    .option("--watch", "show the progress of all jobs, and merge the results at the end")
    .option("--output <folder>", "folder of the merged results (default: merged in the run's folder)")
    .addHelpText("after", ENQUEUE_AFTER);
  addDetectOptions(command, { jobs: true });
  addCommonOptions(command).action((flags: EnqueueFlags) =>
    start({ ...flags, output: undefined }, async (output) =>
      (await import("../queue/enqueue.js")).runEnqueue(flags, output),
    ),
  );
}

export function defineWork(program: Command, start: Start): void {
  const command = program
    .command("work")
    .summary("do the jobs of a queue, on any number of machines")
    .description("Takes jobs that yolov5 enqueue made, one after the other, until it is stopped.")
    .optionsGroup("Queue:")
    .requiredOption("--queue <url>", QUEUE_HELP)
    .option("--queue-name <name>", "name of the queue", "yolov5")
    .option("--lock <s>", "seconds without a sign of life after which a job goes to another worker", positive, 30)
    .option("--drain", "end when no job is left, instead of waiting for more")
    .optionsGroup("Work:")
    .option("--workers <n>", WORKERS_HELP, whole(0, 256));
  addCommonOptions(command).action((flags: WorkFlags) =>
    start(flags, async (output) => (await import("../queue/work.js")).runWork(flags, output)),
  );
}
