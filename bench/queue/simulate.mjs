/**
 * What the queue itself takes, with workers that only sleep: 1,000 workers, 10 million pictures in jobs of 300, each worker with
 * 20 pictures per second. Time runs faster by --speedup, so Redis has to do that many times the jobs per second of the real run.
 *
 *   node bench/queue/simulate.mjs [--workers 1000 --pictures 10000000 --job-size 300 --rate 20 --speedup 10 --processes 4]
 *
 * Prints the figures as JSON: jobs a second, Redis' share of a core, its memory, commands and bytes a job.
 */

import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Queue, Worker } from "bullmq";
import { Redis } from "ioredis";
import { NO_REDIS, redisInstalled, startRedis } from "./redis.mjs";

const NAME = "yolov5";
const CHUNK = 1000;

const number = (fallback) => ({ type: "string", default: `${fallback}` });
const { values } = parseArgs({
  options: {
    workers: number(1000),
    pictures: number(1e7),
    "job-size": number(300),
    rate: number(20),
    speedup: number(10),
    processes: number(4),
    // For the processes that hold the workers.
    url: { type: "string" },
  },
});
const [workers, pictures, jobSize, rate, speedup, processes] = [
  ...[values.workers, values.pictures, values["job-size"], values.rate, values.speedup, values.processes],
].map(Number);

if (values.url !== undefined) await beWorkers(values.url);
else if (redisInstalled()) await simulate();
else {
  console.error(NO_REDIS);
  process.exitCode = 1;
}

/** A process full of workers, which tells how many jobs are done. */
async function beWorkers(url) {
  const milliseconds = ((jobSize / rate) * 1000) / speedup;
  const connection = { url, maxRetriesPerRequest: null };
  let done = 0;
  const all = Array.from({ length: workers }, () => {
    // Pictures differ.
    const sleep = async () => {
      await setTimeout(milliseconds * (0.7 + 0.6 * Math.random()));
      done++;
    };
    return new Worker(NAME, sleep, { connection, maxStalledCount: 10 });
  });
  const telling = setInterval(() => process.send({ done }), 200);
  process.on("message", async () => {
    clearInterval(telling);
    await Promise.all(all.map((worker) => worker.close()));
    process.exit();
  });
}

async function info(client) {
  const text = await client.info();
  return Object.fromEntries(text.split("\r\n").flatMap((line) => (line.includes(":") ? [line.split(":")] : [])));
}

/** Seconds. */
function cpuOf({ used_cpu_sys: system, used_cpu_user: user }) {
  return Number(system) + Number(user);
}

async function simulate() {
  const folder = mkdtempSync(join(tmpdir(), "yolov5-simulate-"));
  const redis = await startRedis(folder);
  const queue = new Queue(NAME, { connection: { url: redis.url } });
  const client = new Redis(redis.url);
  const jobs = Math.ceil(pictures / jobSize);
  const began = performance.now();
  for (let start = 0; start < jobs; start += CHUNK) {
    await queue.addBulk(
      Array.from({ length: Math.min(CHUNK, jobs - start) }, (_, i) => ({
        name: "detect",
        data: {
          folder: "/data/runs/queue/exp",
          run: "0123456789abcdef0123456789abcdef",
          index: start + i,
          count: jobs,
        },
        opts: { jobId: `0123456789abcdef0123456789abcdef-${start + i}`, attempts: 3, removeOnComplete: true },
      })),
    );
  }
  const enqueued = performance.now();
  const before = await info(client);
  const counts = new Map();
  const children = Array.from({ length: processes }, () => {
    const own = ["--url", redis.url, "--workers", `${Math.ceil(workers / processes)}`, "--job-size", `${jobSize}`];
    const child = fork(fileURLToPath(import.meta.url), [...own, "--rate", `${rate}`, "--speedup", `${speedup}`]);
    child.on("message", ({ done }) => counts.set(child.pid, done));
    return child;
  });
  const done = () => [...counts.values()].reduce((sum, count) => sum + count, 0);
  // Connecting is not part of the work.
  while (done() < workers && done() < jobs / 10) await setTimeout(20);
  const [started, first, early] = [performance.now(), done(), await info(client)];
  while (done() < jobs * 0.9) await setTimeout(20);
  const [ended, last, late] = [performance.now(), done(), await info(client)];
  while ((await queue.getJobCountByTypes("wait", "active", "delayed")) > 0) await setTimeout(200);
  await setTimeout(1000);
  const seconds = (ended - started) / 1000;
  const own = last - first;
  const each = (key) => Math.round((Number(late[key]) - Number(early[key])) / own);
  const aof = join(folder, "redis", "appendonlydir");
  const report = {
    workers,
    jobs,
    pictures,
    speedup,
    secondsToEnqueue: round((enqueued - began) / 1000),
    doneTimes: done() / jobs,
    jobsPerSecond: round(own / seconds),
    wantedJobsPerSecond: round((workers * rate * speedup) / jobSize),
    picturesPerSecondTimesSpeedup: Math.round((own * jobSize) / seconds),
    redisCore: round((cpuOf(late) - cpuOf(early)) / seconds),
    redisMillisecondsPerJob: round(((cpuOf(late) - cpuOf(early)) * 1000) / own),
    commandsPerJob: each("total_commands_processed"),
    bytesToRedisPerJob: each("total_net_input_bytes"),
    bytesFromRedisPerJob: each("total_net_output_bytes"),
    megabytesOfJobs: round(Number(before.used_memory) / 1e6),
    megabytesAtMost: round(Number(late.used_memory_peak) / 1e6),
    connections: Number(late.connected_clients),
    megabytesOfAof: round(readdirSync(aof).reduce((sum, name) => sum + statSync(join(aof, name)).size, 0) / 1e6),
  };
  for (const child of children) {
    const gone = once(child, "exit");
    child.send("end");
    await gone;
  }
  await queue.close();
  client.disconnect();
  await redis.stop();
  rmSync(folder, { recursive: true });
  console.log(JSON.stringify(report, undefined, 1));
}

function round(value) {
  return Math.round(value * 100) / 100;
}
