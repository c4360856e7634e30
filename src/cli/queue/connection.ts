/** BullMQ and Redis, which are installed by those who use a queue. */

import type { Queue } from "bullmq";
import type { Redis } from "ioredis";
import { shownAddress } from "../../api/address.js";
import { importOptional } from "../../optionalPackage.js";
import { InputError, UsageError } from "../errors.js";
import type { Output } from "../output.js";
import type { QueueFlags } from "./flags.js";

export type BullMq = typeof import("bullmq");
/** The jobs' queue, whose jobs hold `JobData`, or that of the dead letters. */
export type JobQueue = Queue;

/** The first connection must succeed soon; later ones are retried forever. */
const FIRST_MS = 10_000;
const MOST_RETRY_MS = 5000;

/** A Redis server, and BullMQ to use it with. */
export interface Connection {
  readonly bullmq: BullMq;
  /** For BullMQ. Commands wait while the server is away. */
  readonly options: {
    readonly url: string;
    readonly maxRetriesPerRequest: null;
    readonly retryStrategy: (times: number) => number;
  };
  /** Reports each loss of the connection once. */
  readonly watch: (emitter: { on(event: "error", listener: (error: Error) => void): unknown }) => void;
}

/** @throws UsageError for another kind of address; InputError without the packages, or without a server. */
export async function connect({ queue: url }: QueueFlags, output: Output): Promise<Connection> {
  // Without a scheme it is no address, but may hold a password nevertheless.
  const shown = /^[a-z][a-z\d+.-]*:\/\//i.test(url) ? shownAddress(url) : url.replace(/^.*@/s, "***@");
  if (!/^rediss?:\/\//.test(url)) {
    throw new UsageError(
      `--queue ${shown}: is not the address of a Redis server; give one such as redis://localhost:6379`,
    );
  }
  let bullmq: BullMq;
  let ioredis: typeof import("ioredis");
  try {
    bullmq = await importOptional<BullMq>("bullmq");
    ioredis = await importOptional<typeof import("ioredis")>("ioredis");
  } catch (error) {
    throw new InputError("queues need two more packages: npm install bullmq ioredis", { cause: error });
  }
  const probe = new ioredis.Redis(url, {
    lazyConnect: true,
    connectTimeout: FIRST_MS,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  let reason = "";
  probe.on("error", (error: Error) => {
    reason = error.message;
  });
  try {
    await probe.connect();
    await probe.ping();
    await warnOfEviction(probe, shown, output);
  } catch (error) {
    const why = reason || (error as Error).message;
    throw new InputError(`${shown}: no Redis server answers (${why}); start one, or correct --queue`, { cause: error });
  } finally {
    probe.disconnect();
  }
  const retryStrategy = (times: number): number => Math.min(200 * times, MOST_RETRY_MS);
  return {
    bullmq,
    options: { url, maxRetriesPerRequest: null, retryStrategy },
    watch: (emitter) =>
      void emitter.on("error", (error) => {
        const { message } = error;
        // A worker that was stopped for longer than its lock: its results appear once, no matter which worker does the job.
        if (/\block\b/i.test(message))
          output.warn("a job took longer than its lock was kept; another worker may do it too");
        else output.warn(`${shown}: ${message || "not reachable"}; trying again`);
      }),
  };
}

/** A server that drops keys to save memory would drop jobs. */
async function warnOfEviction(redis: Redis, shown: string, output: Output): Promise<void> {
  // Hosted servers may not tell.
  const [, policy] = ((await redis.config("GET", "maxmemory-policy").catch(() => [])) as string[]) ?? [];
  if (policy !== undefined && policy !== "noeviction") {
    output.warn(`${shown}: its maxmemory-policy is ${policy}, which may drop jobs; set it to noeviction`);
  }
}

export function openQueue({ bullmq, options, watch }: Connection, name: string): JobQueue {
  const queue = new bullmq.Queue(name, { connection: options });
  watch(queue);
  return queue;
}

/** Pictures that cannot be read, and jobs that cannot be done, for tools that inspect the queue. */
export const deadLetterName = (queueName: string): string => `${queueName}-dead`;
