/**
 * Jobs in a queue while everything goes wrong: four workers, of which two are killed in mid-job and one is stopped until
 * another has done its job, a Redis server that crashes and comes back, three pictures that cannot be read. In the end,
 * every picture must be there once: the merged results and label files are compared with those of one process, byte for
 * byte.
 *
 *   npm run build && node bench/queue/faults.mjs --pictures 2000 --job-size 50 [--weights W --imgsz S --picture FILE …]
 *
 * Prints what happened as JSON; exit code 1 if anything is not as it should be.
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { NO_REDIS, redisInstalled, startRedis } from "./redis.mjs";

const REPOSITORY = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const CLI = join(REPOSITORY, "dist", "cli.js");
const WORKERS = 4;
/** Seconds: as short as workers on a busy machine can keep renewing. */
const LOCK = 5;
/** What the JSON says of the backend shall be the same, too. */
const ENGINE = ["--backend", "wasm", "--threads", "1", "--workers", "0"];

const { values } = parseArgs({
  options: {
    pictures: { type: "string", default: "2000" },
    "job-size": { type: "string", default: "50" },
    weights: { type: "string", default: "codes" },
    imgsz: { type: "string", default: "256" },
    picture: { type: "string", multiple: true },
  },
});
const pictures = Number(values.pictures);
const codes = join(REPOSITORY, "examples", "codes.png");
const weights = existsSync(values.weights) ? resolve(values.weights) : values.weights;
/** The last one has no codes. */
const sources = values.picture?.map((path) => resolve(path)) ?? [
  ...[codes, codes, codes, codes],
  join(REPOSITORY, "test", "fixtures", "pytorch", "picture.png"),
];

if (!redisInstalled()) {
  console.error(NO_REDIS);
  process.exit(1);
}

const folder = mkdtempSync(join(tmpdir(), "yolov5-queue-"));
const run = join(folder, "out", "exp");
const children = new Set();
const note = (text) => console.error(`${(performance.now() / 1000).toFixed(1).padStart(7)} s  ${text}`);

function start(argv) {
  const child = spawn(process.execPath, [CLI, ...argv], { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  children.add(child);
  child.text = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (child.text += data));
  child.ended = once(child, "exit").then(([code, signal]) => {
    children.delete(child);
    return code ?? signal;
  });
  return child;
}

/** Copies that differ in their names, and three pictures that cannot be read. */
function makePictures() {
  const root = join(folder, "pictures");
  mkdirSync(root);
  const list = [];
  for (let i = 0; i < pictures; i++) {
    const path = join(root, `p${i}.png`);
    linkOrCopy(sources[i % sources.length], path);
    list.push(path);
  }
  const cut = readFileSync(codes);
  const broken = [join(root, "cut.png"), join(root, "text.png"), join(root, "missing.png")];
  writeFileSync(broken[0], cut.subarray(0, cut.length >> 1));
  writeFileSync(broken[1], "no picture");
  for (const [i, path] of broken.entries()) list.splice(Math.floor(((i + 1) * list.length) / 4), 0, path);
  const file = join(folder, "list.txt");
  writeFileSync(file, `${list.join("\n")}\n`);
  return { list: file, broken };
}

function linkOrCopy(from, to) {
  try {
    linkSync(from, to);
  } catch {
    writeFileSync(to, readFileSync(from));
  }
}

const names = () => (existsSync(run) ? readdirSync(run) : []);
const done = () => names().filter((name) => name.startsWith("shard-"));
/** The shard that a process is in the middle of: it has begun to write its folder. */
const shardOf = ({ pid }) => names().find((name) => name.startsWith(".shard-") && name.includes(`.${pid}-`));

/** Sends a signal to a worker in mid-job. @returns the worker and its shard. */
async function inMidJob(workers, signal, spare) {
  for (;;) {
    for (const worker of workers) {
      if (worker.exitCode !== null) throw new Error(`a worker ended: ${worker.text}`);
      if (shardOf(worker) === undefined) continue;
      worker.kill(signal);
      if (signal === "SIGKILL") await worker.ended;
      else await setTimeout(100);
      const shard = shardOf(worker);
      // It was just done; another try.
      if (shard === undefined) {
        if (signal === "SIGKILL") workers.splice(workers.indexOf(worker), 1, spare());
        else worker.kill("SIGCONT");
        continue;
      }
      return { worker, shard: /shard-\d+-of-\d+/.exec(shard)[0] };
    }
    await setTimeout(2);
  }
}

function filesOf(root) {
  const files = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(
    files.map(({ parentPath, name }) => {
      const path = join(parentPath, name);
      return [path.slice(root.length + 1), readFileSync(path)];
    }),
  );
}

/** Names of files that differ or are in one folder only. */
function differences(a, b) {
  return [...new Set([...a.keys(), ...b.keys()])].filter((name) => !b.get(name) || !a.get(name)?.equals(b.get(name)));
}

async function main() {
  const { list, broken } = makePictures();
  const detect = ["--source", list, "--weights", weights, "--imgsz", values.imgsz];
  const flags = [...detect, "--nosave", "--save-txt", "--save-conf", "--no-speed"];
  note("one process does all pictures");
  const began = performance.now();
  await start(["detect", ...flags, "--project", "one", "--json", "one.json", ...ENGINE]).ended;
  const seconds = (performance.now() - began) / 1000;

  const redis = await startRedis(folder);
  const queue = ["--queue", redis.url];
  const spare = () => start(["work", ...queue, "--lock", `${LOCK}`, ...ENGINE]);
  const workers = Array.from({ length: WORKERS }, spare);
  const watching = start([
    "enqueue",
    ...queue,
    ...flags,
    "--project",
    "out",
    "--job-size",
    values["job-size"],
    "--watch",
  ]);
  const happened = [];
  const tell = (text) => {
    note(text);
    happened.push(text);
  };
  for (let i = 0; i < 2; i++) {
    const { worker, shard } = await inMidJob(workers, "SIGKILL", spare);
    workers.splice(workers.indexOf(worker), 1);
    tell(`killed a worker in ${shard}`);
  }
  await redis.restart();
  tell(`killed Redis and started it again, with ${done().length} jobs done`);
  const stopped = await inMidJob(workers, "SIGSTOP", spare);
  tell(`stopped a worker in ${stopped.shard}`);
  while (!done().includes(stopped.shard)) {
    if (watching.exitCode !== null) throw new Error(`enqueue ended: ${watching.text}`);
    await setTimeout(20);
  }
  stopped.worker.kill("SIGCONT");
  tell("another worker has done its job; it goes on");
  const code = await watching.ended;
  note("all jobs are done and merged");
  for (const worker of workers) worker.kill("SIGTERM");
  await Promise.all(workers.map(({ ended }) => ended));

  const merged = join(run, "merged");
  const files = filesOf(merged);
  const results = String(files.get("results.json"));
  files.delete("results.json");
  const one = readFileSync(join(folder, "one.json"), "utf8");
  const { images } = JSON.parse(results);
  const entries = images.map(({ source }) => source);
  const letters = readFileSync(join(run, "dead-letter.txt"), "utf8").trim().split("\n");
  const report = {
    pictures: entries.length,
    distinct: new Set(entries).size,
    jobs: done().length,
    happened,
    enqueueExitCode: code,
    sameResults: results === one.replace(JSON.stringify(join("one", "exp")), JSON.stringify(merged)),
    labelFiles: files.size,
    differentFiles: differences(files, filesOf(join(folder, "one", "exp"))),
    deadLetters: letters.filter((line) => !line.startsWith("#")),
    reasons: letters.filter((line) => line.startsWith("#")),
    deadLettersInRedis: await deadInRedis(redis.url),
    leftovers: names().filter((name) => name.startsWith(".")),
    secondsOfOneProcess: Math.round(seconds),
  };
  await redis.stop();
  console.log(JSON.stringify(report, undefined, 1));
  const lettersRight = JSON.stringify(report.deadLetters.toSorted()) === JSON.stringify(broken.toSorted());
  const right = report.pictures === pictures + 3 && report.distinct === report.pictures && report.sameResults;
  return right && report.differentFiles.length === 0 && lettersRight && report.deadLettersInRedis === 3;
}

async function deadInRedis(url) {
  const { Queue } = await import("bullmq");
  const queue = new Queue("yolov5-dead", { connection: { url } });
  const counts = await queue.getJobCounts();
  await queue.close();
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

process.on("SIGTERM", () => process.exit(1));
process.on("exit", () => {
  for (const child of children) child.kill("SIGKILL");
});
let right = false;
try {
  right = await main();
} finally {
  if (right) rmSync(folder, { recursive: true, force: true });
  else console.error(`everything is kept in ${folder}`);
}
process.exit(right ? 0 : 1);
