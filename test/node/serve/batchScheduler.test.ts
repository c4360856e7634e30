/** Dynamic batching and the bounded queue, with work that ends when the test says so. */

import { describe, expect, test } from "vitest";
import { BatchScheduler } from "../../../src/node/serve/batching/batchScheduler.js";
import { ByteBudget, QueueLimit } from "../../../src/node/serve/batching/queueLimit.js";

interface Running {
  readonly jobs: readonly string[];
  readonly finish: (answers?: readonly (string | Error)[]) => void;
}

/** A scheduler whose batches wait until the test finishes them. */
function scripted(options: { slots?: number; maxBatch?: number; maxDelay?: number; most?: number }) {
  const running: Running[] = [];
  const limit = new QueueLimit(options.most ?? 100);
  const scheduler = new BatchScheduler<string, string>({
    slots: options.slots ?? 1,
    maxBatch: options.maxBatch ?? 4,
    maxDelay: options.maxDelay ?? 0,
    limit,
    run: (jobs) =>
      new Promise((resolve) => {
        running.push({ jobs, finish: (answers = jobs.map((job) => `${job}!`)) => resolve(answers) });
      }),
  });
  const submit = (job: string, key = "k", signal = new AbortController().signal) => scheduler.submit(job, key, signal);
  return { running, limit, scheduler, submit };
}

const settled = (): Promise<void> => new Promise(setImmediate);

describe("batches", () => {
  test("form from jobs that wait while the slot is busy, each with its own answer", async () => {
    const { running, submit } = scripted({});
    const answers = ["a", "b", "c", "d", "e", "f"].map((job) => submit(job));
    expect(running.map(({ jobs }) => jobs)).toEqual([["a"]]);
    running[0].finish();
    await settled();
    expect(running[1].jobs).toEqual(["b", "c", "d", "e"]);
    running[1].finish();
    await settled();
    running[2].finish();
    expect((await Promise.all(answers)).map(({ answer, batch }) => [answer, batch])).toEqual([
      ["a!", 1],
      ["b!", 4],
      ["c!", 4],
      ["d!", 4],
      ["e!", 4],
      ["f!", 1],
    ]);
  });

  test("contain only jobs with the same key, the oldest first", async () => {
    const { running, submit } = scripted({});
    const answers = [submit("a"), submit("b", "x"), submit("c", "y"), submit("d", "x")];
    running[0].finish();
    await settled();
    expect(running[1].jobs).toEqual(["b", "d"]);
    running[1].finish();
    await settled();
    expect(running[2].jobs).toEqual(["c"]);
    running[2].finish();
    await Promise.all(answers);
  });

  test("slots share the waiting jobs", async () => {
    const { running, submit } = scripted({ slots: 2, maxBatch: 8 });
    const answers = ["a", "b", "c", "d", "e", "f"].map((job) => submit(job));
    expect(running.map(({ jobs }) => jobs)).toEqual([["a"], ["b"]]);
    running[0].finish();
    running[1].finish();
    await settled();
    expect(running.slice(2).map(({ jobs }) => jobs)).toEqual([["c", "d"], ["e"]]);
    running[2].finish();
    running[3].finish();
    await settled();
    running[4].finish();
    await Promise.all(answers);
  });

  test("with a delay, an idle slot waits for a full batch, but not forever", async () => {
    const { running, submit } = scripted({ maxBatch: 3, maxDelay: 30 });
    const answers = [submit("a"), submit("b")];
    expect(running).toEqual([]);
    const third = submit("c");
    expect(running.map(({ jobs }) => jobs)).toEqual([["a", "b", "c"]]);
    running[0].finish();
    await Promise.all([...answers, third]);
    const alone = submit("d");
    while (running.length < 2) await settled();
    expect(running[1].jobs).toEqual(["d"]);
    running[1].finish();
    expect((await alone).waited).toBeGreaterThanOrEqual(29);
  });

  test("no job waits for others once the scheduler is told to hurry", async () => {
    const { running, submit, scheduler } = scripted({ maxDelay: 60_000 });
    const answers = [submit("a"), submit("b")];
    scheduler.hurry();
    expect(running.map(({ jobs }) => jobs)).toEqual([["a", "b"]]);
    running[0].finish();
    answers.push(submit("c"));
    await settled();
    running[1].finish();
    await Promise.all(answers);
  });

  test("an error of one job fails only that job; an error of the batch fails all", async () => {
    const { running, submit } = scripted({});
    const first = submit("a");
    const others = [submit("b"), submit("c")];
    running[0].finish();
    await first;
    running[1].finish(["fine", new Error("broken")]);
    await expect(others[0]).resolves.toMatchObject({ answer: "fine" });
    await expect(others[1]).rejects.toThrow("broken");
  });
});

describe("the queue", () => {
  test("is bounded, and has room again after a batch leaves it", async () => {
    const { running, submit, limit } = scripted({ most: 2, maxBatch: 1 });
    const answers = [submit("a"), submit("b"), submit("c")];
    expect(limit.waiting).toBe(2);
    await expect(submit("d")).rejects.toMatchObject({ status: 429, retryAfter: 1 });
    running[0].finish();
    await settled();
    expect(limit.waiting).toBe(1);
    answers.push(submit("d"));
    for (let i = 1; i < 4; i++) {
      running[i].finish();
      await settled();
    }
    expect((await Promise.all(answers)).map(({ answer }) => answer)).toEqual(["a!", "b!", "c!", "d!"]);
    expect(limit.waiting).toBe(0);
  });

  test("an aborted job leaves it without being computed", async () => {
    const { running, submit, limit, scheduler } = scripted({});
    const first = submit("a");
    const gone = new AbortController();
    const second = submit("b", "k", gone.signal);
    const third = submit("c");
    gone.abort(new Error("gone"));
    await expect(second).rejects.toThrow("gone");
    expect(limit.waiting).toBe(1);
    running[0].finish();
    await settled();
    expect(running[1].jobs).toEqual(["c"]);
    let idle = false;
    const whenIdle = scheduler.idle().then(() => {
      idle = true;
    });
    await settled();
    expect(idle).toBe(false);
    running[1].finish();
    await Promise.all([first, third, whenIdle]);
    await expect(submit("d", "k", gone.signal)).rejects.toThrow("gone");
    expect(running).toHaveLength(2);
  });
});

test("the total size of all bodies is bounded", () => {
  const budget = new ByteBudget(100);
  budget.take(60);
  expect(() => budget.take(50)).toThrow(/too many large requests/);
  budget.give(60);
  expect(() => budget.take(100)).not.toThrow();
});
