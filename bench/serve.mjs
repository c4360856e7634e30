/**
 * `yolov5 serve` under load from autocannon, on this machine.
 *   npm run build && (cd bench/peers && npm ci) && node bench/serve.mjs --weights yolov5n.pt --source bus.jpg
 *     [--clients 1 8 64] [--seconds 20] [-- options of serve, such as --backend wasm --workers 2 --max-batch 8]
 * Prints one line of JSON for each number of clients: answers and refusals a second, latencies in ms, the size of batches, and the
 * server's memory before and after. Clients beyond the queue's limit show what overload does. The requests a second of the pipeline
 * that they are to be held against: `yolov5 bench --pipeline FOLDER`.
 */

import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const end = process.argv.indexOf("--", 2);
const own = process.argv.slice(2, end < 0 ? undefined : end);
const { values } = parseArgs({
  args: own,
  options: {
    weights: { type: "string", default: "codes" },
    source: { type: "string", default: fileURLToPath(new URL("../examples/codes.png", import.meta.url)) },
    clients: { type: "string", multiple: true, default: ["1", "8", "64"] },
    seconds: { type: "string", default: "20" },
    query: { type: "string", default: "" },
  },
  allowPositionals: true,
});
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
  {
    stdio: ["ignore", "inherit", "pipe"],
  },
);
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

/** The sum and count of a metric. */
async function metrics() {
  const text = await (await fetch(`${url}/metrics`)).text();
  const value = (name) => Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1] ?? 0);
  return {
    batches: value("yolov5_batch_size_sum"),
    pictures: value("yolov5_batch_size_count"),
    rss: value("process_resident_memory_bytes"),
  };
}

const body = readFileSync(values.source);
try {
  for (const clients of values.clients.map(Number)) {
    const before = await metrics();
    const result = await autocannon({
      url: `${url}/detect${values.query}`,
      method: "POST",
      body,
      connections: clients,
      duration: Number(values.seconds),
      timeout: 60,
    });
    const after = await metrics();
    const pictures = after.pictures - before.pictures;
    const mebibytes = (bytes) => Math.round(bytes / 2 ** 20);
    console.log(
      JSON.stringify({
        clients,
        answersPerSecond: result["2xx"] / result.duration,
        refusalsPerSecond: result.non2xx / result.duration,
        errors: result.errors,
        p50: result.latency.p50,
        p99: result.latency.p99,
        // Each picture counts the batch that it was in.
        meanBatchOfAPicture: pictures === 0 ? 0 : (after.batches - before.batches) / pictures,
        rssBefore: mebibytes(before.rss),
        rssAfter: mebibytes(after.rss),
      }),
    );
  }
} finally {
  server.removeAllListeners("exit");
  server.kill("SIGTERM");
}
