/** `enqueue` and `work` against a Redis server: jobs, what is done again, what is refused. */

import { once } from "node:events";
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { Queue } from "bullmq";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { NO_REDIS, redisInstalled, startRedis } from "../../../bench/queue/redis.mjs";
import { cli, EXAMPLE, FAST, fixture, scratchFolder } from "../support.js";

const installed = redisInstalled();
if (!installed) console.warn(`skipped: ${NO_REDIS}`);

const folder = await scratchFolder();
const path = (...parts: string[]): string => join(folder, ...parts);
const run = path("out", "exp");
let redis: Awaited<ReturnType<typeof startRedis>>;
/** Each test has a queue of its own. */
let name = "";
let tests = 0;

const queueFlags = (): string[] => ["--queue", redis.url, "--queue-name", name];
const detectFlags = ["--imgsz", "256", "--nosave", "--no-speed"];
const enqueue = (...argv: string[]) =>
  cli(["enqueue", ...queueFlags(), ...detectFlags, "--job-size", "2", "--project", path("out"), ...argv]);
const work = (...argv: string[]) => cli(["work", ...queueFlags(), "--drain", "--backend", "cpu", ...argv]);
const text = (file: string): string => readFileSync(file, "utf8");

beforeAll(async () => {
  if (!installed) return;
  redis = await startRedis(folder, "always");
  mkdirSync(path("pictures"));
  for (let i = 0; i < 5; i++) copyFileSync(i % 2 ? fixture("picture.png") : EXAMPLE, path("pictures", `p${i}.png`));
  writeFileSync(
    path("list.txt"),
    ["# pictures", "pictures/p0.png", "", path("pictures", "p1.png"), "pictures/p2.png"].join("\r\n"),
  );
});

afterAll(() => redis?.stop());

beforeEach(() => {
  name = `test${++tests}`;
  rmSync(path("out"), { recursive: true, force: true });
});

describe.skipIf(!installed)("a queue", () => {
  it("gives the results of one process", async () => {
    const files = ["--save-txt", "--save-crop"];
    expect((await enqueue("--source", path("pictures"), ...files)).stdout).toContain("5 pictures in 3 jobs");
    const worked = await work();
    expect(worked.code).toBe(0);
    expect(worked.stdout).toMatch(/job 2\/3: 1 picture in .*\n3 jobs with 5 pictures done\n$/);
    const { code, stdout } = await enqueue("--source", path("pictures"), ...files, "--watch");
    expect(stdout).toContain("5 pictures in 3 jobs, 3 of them done");
    expect(code).toBe(0);
    await cli([
      ...["detect", "--source", path("pictures"), ...FAST, ...detectFlags, ...files],
      ...["--project", path("out"), "--name", "one", "--json", path("one.json")],
    ]);
    const merged = path("out", "exp", "merged");
    const one = text(path("one.json")).replace(JSON.stringify(path("out", "one")), JSON.stringify(merged));
    expect(text(join(merged, "results.json"))).toBe(one);
    const below = (root: string): string[] => readdirSync(root, { recursive: true, encoding: "utf8" }).sort();
    expect(below(join(merged, "crops"))).toEqual(below(path("out", "one", "crops")));
    expect(below(join(merged, "labels"))).toEqual(below(path("out", "one", "labels")));
  });

  it("reads lists as detect does, relative to the list too", async () => {
    await enqueue("--source", path("list.txt"));
    expect(text(join(run, "sources.txt"))).toBe([0, 1, 2].map((i) => `${path("pictures", `p${i}.png`)}\n`).join(""));
  });

  it("contains each job once however often it is enqueued, and finished jobs are not repeated", async () => {
    for (let i = 0; i < 3; i++) await enqueue("--source", path("pictures"));
    const queue = new Queue(name, { connection: { url: redis.url } });
    expect(await queue.getWaitingCount()).toBe(3);
    await queue.close();
    await work();
    rmSync(join(run, "shard-00001-of-00003"), { recursive: true });
    await enqueue("--source", path("pictures"));
    expect((await work()).stdout).toContain("1 job with 2 pictures done\n");
    expect(readdirSync(run).filter((entry) => entry.startsWith("shard-"))).toHaveLength(3);
  });

  it("a stopped worker returns its job at once", async () => {
    await enqueue("--source", path("pictures"));
    const stop = new AbortController();
    const { code } = await cli(["work", ...queueFlags(), "--backend", "cpu"], {
      signal: stop.signal,
      onStdout: (out) => out.startsWith("Model:") && stop.abort(),
    });
    expect(code).toBe(130);
    expect(readdirSync(run).filter((entry) => entry.includes("shard-"))).toEqual([]);
    // Long before a lock runs out.
    expect((await work("--lock", "3600")).stdout).toContain("3 jobs with 5 pictures done\n");
  });

  it("retries pictures that a server did not send, and fetches lists", async () => {
    const asked = new Map<string, number>();
    const server = createServer((request, response) => {
      const { url = "" } = request;
      const times = (asked.get(url) ?? 0) + 1;
      asked.set(url, times);
      if (url === "/list.txt") response.end("a.png\n# no picture\nsub/b.png\n");
      else if (times === 1) response.writeHead(503).end();
      else response.end(readFileSync(EXAMPLE));
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    try {
      const { port } = server.address() as AddressInfo;
      const source = `http://127.0.0.1:${port}/list.txt`;
      await enqueue("--source", source);
      expect(text(join(run, "sources.txt"))).toBe(
        `http://127.0.0.1:${port}/a.png\nhttp://127.0.0.1:${port}/sub/b.png\n`,
      );
      const { stderr } = await work();
      expect(stderr).toContain("warning: job 0/1: 2 of 2 pictures could not be fetched; the first: ");
      const { images } = JSON.parse(text(join(run, "shard-00000-of-00001", "results.json"))) as { images: object[] };
      expect(images).toHaveLength(2);
      for (const image of images) expect(image).not.toHaveProperty("error");
    } finally {
      server.close();
    }
  });

  it("gives up a job that cannot be done, and says why", async () => {
    copyFileSync(fixture("assorted.pt"), path("own.pt"));
    const argv = ["--source", path("pictures"), "--weights", path("own.pt"), "--attempts", "1"];
    await enqueue(...argv);
    copyFileSync(fixture("v6.pt"), path("own.pt"));
    const { stderr } = await work();
    expect(stderr).toContain(`own.pt: is not the checkpoint that was enqueued`);
    copyFileSync(fixture("assorted.pt"), path("own.pt"));
    await enqueue(...argv);
    expect((await work()).stdout).toContain("3 jobs with 5 pictures done\n");
  });

  it("gives up at once if no worker can do a job, because options do not fit the model", async () => {
    await enqueue("--source", EXAMPLE, "--classes", "99", "--attempts", "3");
    const { code, stdout, stderr } = await work();
    expect(stderr.match(/^warning: job 0\/1: classes: 99 is not a class of this model.*$/gm)).toHaveLength(1);
    expect(stdout).toContain("1 job failed and will not be tried again");
    expect(code).toBe(1);
    const dead = new Queue(`${name}-dead`, { connection: { url: redis.url } });
    const [letter] = await dead.getJobs(["waiting"]);
    expect(letter.data).toEqual({ folder: run, job: "0/1", reason: expect.stringContaining("classes: 99") });
    await dead.close();
  });

  it.each([
    [["--source", "nowhere"], "nowhere: no such file", 1],
    [["--source", "nowhere.txt"], "nowhere.txt: no such file", 1],
    [[], "--source is missing", 2],
    [["--source", EXAMPLE, "--blur-style", "fill"], "add --blur or --redact", 2],
    [["--source", EXAMPLE, "--track"], "--track needs all pictures in order", 2],
    [["--source", EXAMPLE, "--line", "0,0,1,1"], "count over all sources, which jobs split up", 2],
    [["--source", EXAMPLE, "--heatmap"], "count over all sources, which jobs split up", 2],
    [["--source", EXAMPLE, "--save-csv"], "--save-csv", 2],
    [["--source", EXAMPLE, "--redact", "--save-crop"], "--redact writes nothing but", 2],
    [["--source", EXAMPLE, "--slice-overlap", "0.3"], "--slice", 2],
    [["--source", EXAMPLE, "--shard", "0/2"], "jobs are shards already", 2],
    [["--source", EXAMPLE, "--output", "merged"], "--output is for --watch", 2],
    [["--source", EXAMPLE, "--weights", "./nowhere.pt"], "--weights ./nowhere.pt: no such file", 1],
  ])("%j is refused, and nothing is written", async (argv, message, code) => {
    const outcome = await enqueue(...argv);
    expect(outcome.stderr).toContain(message);
    expect(outcome.code).toBe(code);
    expect(existsSync(join(run, "queue.json"))).toBe(false);
  });

  it("a folder holds only one run", async () => {
    await enqueue("--source", EXAMPLE);
    const { stderr, code } = await enqueue("--source", EXAMPLE, "--conf-thres", "0.5");
    expect(stderr).toContain("holds another run: other options, weights or pictures; give another --name or --project");
    expect(code).toBe(1);
  });
});

it("one line says that there is no server", async () => {
  const { stderr, code } = await cli(["work", "--queue", "redis://user:secret@127.0.0.1:1"]);
  expect(stderr).toMatch(
    /^error: redis:\/\/.*127\.0\.0\.1:1: no Redis server answers \(.*ECONNREFUSED.*\); start one, or correct --queue\n$/,
  );
  expect(stderr).not.toContain("secret");
  expect(code).toBe(1);
});
