/**
 * `yolov5 serve` under load, on this machine.
 *   npm run build && (cd bench/peers && npm ci) && node bench/serve.mjs --weights yolov5n.pt --source bus.jpg
 *     [--clients 1 8 64] [--seconds 10] [--query ?imgsz=320] [--overload 2000]
 *     [-- options of serve, such as --backend wasm --workers 2 --max-batch 8]
 * Prints one line of JSON for each number of clients, each of which sends its next picture when it has its answer (autocannon):
 * answers and refusals per second, latencies of the answers in ms, the size of batches, the server's memory before and after.
 * `--overload N` then sends N pictures at twice the best rate of answers, whatever comes back: how long answers took at most, beside
 * what the queue's length allows (pictures in it × time of a picture × 1.2), and how long the queue was.
 * The pictures per second to compare all this with: `yolov5 bench --pipeline FOLDER`. It ends after clients × seconds, a minute of overload,
 * and the answers that are still due.
 */

import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { createRequire } from "node:module";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const end = process.argv.indexOf("--", 2);
const own = process.argv.slice(2, end < 0 ? undefined : end);
/** `--clients 1 8 64`: numbers without a name belong to it. */
const { values, positionals } = parseArgs({
  args: own,
  options: {
    weights: { type: "string", default: "codes" },
    source: { type: "string", default: fileURLToPath(new URL("../examples/codes.png", import.meta.url)) },
    clients: { type: "string", multiple: true },
    seconds: { type: "string", default: "10" },
    query: { type: "string", default: "" },
    overload: { type: "string", default: "0" },
  },
  allowPositionals: true,
});
const clients = values.clients ? [...values.clients, ...positionals].map(Number) : [1, 8, 64];
/** A client that waits longer counts as an error. */
const TIMEOUT_S = 60;
const OVERLOAD = 2;
const SLACK = 1.2;
/** Where answers are slow, overload sends fewer pictures than it was asked to. */
const MOST_MS = 60_000;

let autocannon;
try {
  autocannon = createRequire(new URL("peers/package.json", import.meta.url))("autocannon");
} catch {
  console.error("autocannon is not installed; run: cd bench/peers && npm ci");
  process.exit(1);
}

const cli = fileURLToPath(new URL("../dist/cli.js", import.meta.url));
const flags = end < 0 ? [] : process.argv.slice(end + 1);
const server = spawn(
  process.execPath,
  [cli, "serve", "--weights", values.weights, "--port", "0", "--log-level", "error", ...flags],
  { stdio: ["ignore", "inherit", "pipe"] },
);
// A run that is interrupted, or fails, leaves no server behind.
process.on("exit", () => server.kill("SIGKILL"));
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));

const url = await new Promise((resolve, reject) => {
  let text = "";
  server.stderr.on("data", (data) => {
    process.stderr.write(data);
    text += data;
    const found = /^Serving ([^\s,]+)/m.exec(text);
    if (found) resolve(found[1]);
  });
  server.on("exit", () => reject(new Error("the server did not start")));
});

async function metrics() {
  const text = await (await fetch(`${url}/metrics`)).text();
  const value = (name) => Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1] ?? 0);
  return {
    batches: value("yolov5_batch_size_sum"),
    pictures: value("yolov5_batch_size_count"),
    waiting: value("yolov5_queue_length"),
    queue: value("yolov5_queue_limit"),
    rss: value("process_resident_memory_bytes"),
  };
}

const body = readFileSync(values.source);
const mebibytes = (bytes) => Math.round(bytes / 2 ** 20);
const rounded = (value) => Math.round(value * 10) / 10;
const quantile = (sorted, share) =>
  rounded(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0);

/** Clients of which each waits for its answer. */
async function load(connections) {
  const before = await metrics();
  const answers = [];
  let refusals = 0;
  const run = autocannon({
    url: `${url}/detect${values.query}`,
    method: "POST",
    body,
    connections,
    duration: Number(values.seconds),
    timeout: TIMEOUT_S,
  });
  run.on("response", (_client, status, _bytes, ms) => {
    if (status === 200) answers.push(ms);
    else refusals++;
  });
  const { duration, errors } = await run;
  const after = await metrics();
  const pictures = after.pictures - before.pictures;
  const sorted = answers.sort((a, b) => a - b);
  const answersPerSecond = sorted.length / duration;
  print({
    clients: connections,
    answersPerSecond: rounded(answersPerSecond),
    refusalsPerSecond: rounded(refusals / duration),
    errors,
    p50: quantile(sorted, 0.5),
    p99: quantile(sorted, 0.99),
    // Each picture counts the batch that it was in.
    meanBatchOfAPicture: pictures === 0 ? 0 : rounded((after.batches - before.batches) / pictures),
    rssBefore: mebibytes(before.rss),
    rssAfter: mebibytes(after.rss),
  });
  // What still waits of clients that are gone is not part of the next line.
  while ((await metrics()).waiting > 0) await setTimeout(100);
  return answersPerSecond;
}

/** Pictures at a steady rate, more than can be answered. */
async function overload(count, capacity) {
  const agent = new Agent({ keepAlive: true });
  const rate = OVERLOAD * capacity;
  const statuses = {};
  const answers = [];
  const one = () =>
    new Promise((resolve) => {
      const started = performance.now();
      const count = (status) => {
        statuses[status] = (statuses[status] ?? 0) + 1;
        if (status === 200) answers.push(performance.now() - started);
        resolve();
      };
      const sent = request(`${url}/detect${values.query}`, { method: "POST", agent, timeout: TIMEOUT_S * 1000 });
      sent.on("response", (response) => response.on("end", () => count(response.statusCode)).resume());
      sent.on("timeout", () => sent.destroy(new Error("timeout")));
      sent.on("error", () => count("error"));
      sent.end(body);
    });
  const before = await metrics();
  const started = performance.now();
  const all = [];
  let longest = 0;
  let looked = started;
  for (let i = 0; i < count && performance.now() - started < MOST_MS; i++) {
    const wait = started + (1000 * i) / rate - performance.now();
    if (wait > 1) await setTimeout(wait);
    all.push(one());
    if (performance.now() - looked < 500) continue;
    looked = performance.now();
    longest = Math.max(longest, (await metrics()).waiting);
  }
  const sending = performance.now() - started;
  await Promise.all(all);
  const seconds = (performance.now() - started) / 1000;
  agent.destroy();
  const after = await metrics();
  const sorted = answers.sort((a, b) => a - b);
  print({
    sent: all.length,
    sentPerSecond: rounded((1000 * all.length) / sending),
    answersPerSecond: rounded(sorted.length / seconds),
    statuses,
    p99: quantile(sorted, 0.99),
    p99Allowed: rounded(((SLACK * before.queue) / capacity) * 1000),
    queueLimit: before.queue,
    longestQueue: longest,
    rssBefore: mebibytes(before.rss),
    rssAfter: mebibytes(after.rss),
  });
}

const print = (line) => console.log(JSON.stringify(line));

let best = 0;
for (const connections of clients) best = Math.max(best, await load(connections));
if (Number(values.overload) > 0 && best > 0) await overload(Number(values.overload), best);
server.removeAllListeners("exit");
server.kill("SIGTERM");
