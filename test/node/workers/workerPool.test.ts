/** Jobs on worker threads: answers, errors by class, threads that die, cancellation, and that nothing stays behind. */

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { DeviceError, DisposedError, ImageError, OptionError, WorkerError } from "../../../src/errors.js";
import { WorkerPool } from "../../../src/node/workers/workerPool.js";
import { rejection } from "../server.js";
import type { Order, Reply } from "./program.js";

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
let folder: string;
let file: string;
const pools: WorkerPool<Order, Reply>[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "yolov5-pool-"));
  file = join(folder, "program.mjs");
  await bundled(here("program.ts"), file);
});
afterEach(() => {
  for (const pool of pools.splice(0)) pool.dispose();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function bundled(entry: string, outfile: string): Promise<unknown> {
  return build({ entryPoints: [entry], outfile, bundle: true, platform: "node", format: "esm", logLevel: "silent" });
}

function open(threads: number, data: object = {}): WorkerPool<Order, Reply> {
  const pool = new WorkerPool<Order, Reply>({ file, data, threads });
  pools.push(pool);
  return pool;
}

describe("a pool of workers", () => {
  it("answers every job on no more threads than allowed", async () => {
    const pool = open(3);
    const replies = await Promise.all(Array.from({ length: 40 }, (_, value) => pool.run({ does: "double", value })));
    expect(replies.map(({ value }) => value)).toEqual(Array.from({ length: 40 }, (_, i) => 2 * i));
    expect(new Set(replies.map(({ thread }) => thread)).size).toBeLessThanOrEqual(3);
  });

  it("starts no thread without a job for it", async () => {
    const pool = open(8);
    const threads = new Set<number>();
    for (let value = 0; value < 5; value++) threads.add((await pool.run({ does: "double", value })).thread);
    expect(threads.size).toBe(1);
  });

  it("rejects with the class of error that the job threw, and continues", async () => {
    const pool = open(2);
    const jobs = [
      pool.run({ does: "refuse", value: 3 }),
      pool.run({ does: "throw", value: 0 }),
      pool.run({ does: "double", value: 1 }),
    ] as const;
    // All at once: a job that nobody waits for yet must not reject.
    const [refused, thrown, doubled] = await Promise.all([rejection(jobs[0]), rejection(jobs[1]), jobs[2]]);
    expect(refused).toBeInstanceOf(ImageError);
    expect(refused).toMatchObject({ message: "picture 3 is damaged", details: { value: 3 } });
    expect(thrown).toBeInstanceOf(RangeError);
    expect(doubled).toMatchObject({ value: 2 });
  });

  it("if a thread dies, its job fails and another thread does the next ones", async () => {
    const pool = open(1);
    const values = [0, 1, 2, 3, 4, 5];
    const jobs = values.map((value) => pool.run({ does: value % 3 === 1 ? "exit" : "double", value }));
    const settled = await Promise.allSettled(jobs);
    expect(settled.map(({ status }) => status)).toEqual(values.map((v) => (v % 3 === 1 ? "rejected" : "fulfilled")));
    for (const [i, outcome] of settled.entries()) {
      if (outcome.status === "fulfilled") expect(outcome.value.value).toBe(2 * i);
      else {
        expect(outcome.reason).toBeInstanceOf(WorkerError);
        expect(outcome.reason.message).toBe("the worker thread ended (exit code 7)");
      }
    }
  });

  it("if a thread dies, objects transferred to it are lost, and its job says so", async () => {
    const pool = open(1);
    const data = new Uint8Array(100);
    const [dying, lost, later] = [
      pool.run({ does: "exit", value: 0 }),
      pool.run({ does: "measure", value: 0, data }, { transfer: [data.buffer] }),
      pool.run({ does: "measure", value: 0, data: new Uint8Array(7) }),
    ];
    expect(data.length).toBe(0);
    expect(await rejection(dying)).toBeInstanceOf(WorkerError);
    expect(await rejection(lost)).toBeInstanceOf(WorkerError);
    expect(await later).toMatchObject({ value: 7 });
  });

  it("fails all jobs with the reason if it cannot open", async () => {
    const pool = open(2, { broken: true });
    const jobs = [1, 2, 3, 4, 5].map((value) => rejection(pool.run({ does: "double", value })));
    for (const error of await Promise.all(jobs)) {
      expect(error).toBeInstanceOf(OptionError);
      expect(error).toMatchObject({ message: "no such model", details: { model: "x" } });
    }
    expect(await rejection(pool.run({ does: "double", value: 1 }))).toBeInstanceOf(OptionError);
  });

  it("fails all jobs and starts no more threads if threads die before they can work", async () => {
    const pool = open(2, { dies: true });
    for (const value of [1, 2, 3]) {
      const error = await rejection(pool.run({ does: "double", value }));
      expect(error).toBeInstanceOf(DeviceError);
      expect(error.message).toContain("did not start (exit code 3)");
    }
  });

  it("fails all jobs if threads cannot be created", async () => {
    const pool = open(2, { cannotBeSent: () => 1 });
    for (const value of [1, 2]) {
      const error = await rejection(pool.run({ does: "double", value }));
      expect(error).toBeInstanceOf(DeviceError);
      expect(error.message).toMatch(/^a worker thread did not start \(.*could not be cloned/s);
    }
  });

  it("exchanges messages with a running job, and notifies it when nobody waits for it any more", async () => {
    const pool = open(1);
    const controller = new AbortController();
    const told: unknown[] = [];
    const job = pool.run(
      { does: "heed", value: 5 },
      { signal: controller.signal, onEvent: (event) => told.push(event) },
    );
    const failed = rejection(job);
    while (told.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    expect(told).toEqual([5]);
    controller.abort(new Error("enough"));
    expect((await failed).message).toBe("enough");
    // It would go on for ever, and this one would never be done, had it not been told.
    expect(await pool.run({ does: "double", value: 4 })).toMatchObject({ value: 8 });
  });

  it("rejects an aborted job at once, queued or running, and does the others", async () => {
    const shared = new Int32Array(new SharedArrayBuffer(4));
    const pool = open(1, { shared });
    const controllers = Array.from({ length: 4 }, () => new AbortController());
    const jobs = controllers.map(({ signal }, value) => pool.run({ does: "wait", value }, { signal }));
    const reasons = [0, 1, 3].map((i) => {
      const reason = new Error(`enough of ${i}`);
      controllers[i].abort(reason);
      return [jobs[i], reason] as const;
    });
    for (const [job, reason] of reasons) expect(await rejection(job)).toBe(reason);
    Atomics.store(shared, 0, 1);
    expect(await jobs[2]).toMatchObject({ value: 4 });
    expect(await rejection(pool.run({ does: "double", value: 1 }, { signal: controllers[0].signal }))).toBe(
      reasons[0][1],
    );
  });

  it("rejects all jobs when it is disposed of, and later ones", async () => {
    const pool = open(2, { shared: new Int32Array(new SharedArrayBuffer(4)) });
    const jobs = [1, 2, 3, 4, 5, 6].map((value) => rejection(pool.run({ does: "wait", value })));
    await new Promise((resolve) => setTimeout(resolve, 20));
    pool.dispose();
    for (const error of await Promise.all(jobs)) expect(error).toBeInstanceOf(DisposedError);
    expect(await rejection(pool.run({ does: "double", value: 1 }))).toBeInstanceOf(DisposedError);
  });

  it("keeps the process alive until its jobs are done, and no longer", async () => {
    const main = join(folder, "main.ts");
    writeFileSync(
      main,
      `import { WorkerPool } from ${JSON.stringify(here("../../../src/node/workers/workerPool.ts"))};
       const pool = new WorkerPool({ file: ${JSON.stringify(file)}, data: {}, threads: 2 });
       for (const value of [1, 2, 3]) void pool.run({ does: "double", value }).then((reply) => console.log(reply.value));`,
    );
    await bundled(main, join(folder, "main.mjs"));
    const stdout = execFileSync(process.execPath, [join(folder, "main.mjs")], { encoding: "utf8", timeout: 60_000 });
    expect(stdout.trim().split("\n").toSorted()).toEqual(["2", "4", "6"]);
  });
});
