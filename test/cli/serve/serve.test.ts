/** `yolov5 serve` as a process, with worker threads: what it prints, what it answers, and how it ends. */

import { type ChildProcess, spawn } from "node:child_process";
import { copyFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { load } from "../../../src/node.js";
import { built, CLI } from "../builtRuns.js";
import { cli, EXAMPLE, fixture, scratchFolder } from "../support.js";

const folder = await scratchFolder();

class Running {
  readonly child: ChildProcess;
  stdout = "";
  stderr = "";
  readonly ended: Promise<number | null>;

  constructor(argv: readonly string[], env: Record<string, string> = {}) {
    this.child = spawn(process.execPath, [CLI, "serve", "--port", "0", ...argv], {
      cwd: folder,
      env: { ...process.env, DEBUG: "", ...env },
    });
    this.child.stdout?.on("data", (data: Buffer) => {
      this.stdout += data.toString();
    });
    this.child.stderr?.on("data", (data: Buffer) => {
      this.stderr += data.toString();
    });
    this.ended = new Promise((resolve) => this.child.on("close", resolve));
  }

  /** Its address, once it is ready. */
  async url(): Promise<string> {
    for (;;) {
      const url = /^Serving (\S+?),?( |$)/m.exec(this.stderr)?.[1];
      if (url !== undefined) return url;
      if (this.child.exitCode !== null) throw new Error(this.stderr);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

const SMALL = ["--weights", fixture("v6.pt"), "--backend", "wasm"];
const running: Running[] = [];
const start = (argv: readonly string[], env?: Record<string, string>): Running => {
  const server = new Running(argv, env);
  running.push(server);
  return server;
};
afterEach(() => {
  for (const { child } of running.splice(0)) child.kill("SIGKILL");
});

const post = (url: string, query = "?imgsz=96", headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${url}/detect${query}`, { method: "POST", body: readFileSync(fixture("picture.png")), headers });

describe.skipIf(!built)("serve", () => {
  test("workers give the library's results, and SIGTERM under load loses no accepted request", async () => {
    const server = start([...SMALL, "--workers", "2", "--max-batch", "12", "--max-delay", "60000"]);
    const url = await server.url();
    const model = await load(fixture("v6.pt"), { backend: "wasm", threads: 1 });
    const expected = await model.detect(fixture("picture.png"), { imgsz: 96 });
    model.dispose();
    const answers = Array.from({ length: 10 }, () => post(url));
    const queued = async (): Promise<number> =>
      Number(/^yolov5_queue_length (\d+)$/m.exec(await (await fetch(`${url}/metrics`)).text())?.[1]);
    while ((await queued()) < 10) await new Promise((resolve) => setTimeout(resolve, 10));
    server.child.kill("SIGTERM");
    for (const answer of await Promise.all(answers)) {
      expect(answer.status).toBe(200);
      const { images } = (await answer.json()) as { images: { detections: unknown }[] };
      expect(images[0].detections).toEqual(JSON.parse(JSON.stringify(expected.detections)));
    }
    expect(await server.ended).toBe(0);
    expect(server.stderr).toMatch(/in 2 workers, batches of up to 12$/m);
    await expect(post(url)).rejects.toThrow();
    for (const line of server.stdout.trim().split("\n")) expect(JSON.parse(line)).toHaveProperty("level");
  });

  test("serves the embedded model by default, takes a key from the environment, and several models with names and versions", async () => {
    copyFileSync(fixture("csp.pt"), join(folder, "other.pt"));
    const server = start(
      ["--weights", "codes", "people@2=other.pt", "--backend", "wasm", "--workers", "1", "--log-level", "error"],
      { YOLOV5_API_KEY: "a secret" },
    );
    const url = await server.url();
    expect((await post(url)).status).toBe(401);
    const headers = { "x-api-key": "a secret" };
    const index = await fetch(`${url}/v2/repository/index`, { method: "POST", headers });
    expect(await index.json()).toMatchObject([
      { name: "codes", version: "1", state: "READY" },
      { name: "people", version: "2", state: "READY" },
    ]);
    const found = await fetch(`${url}/detect`, { method: "POST", body: readFileSync(EXAMPLE), headers });
    expect(JSON.stringify(await found.json())).toContain('"qr_code"');
    expect((await post(url, "?imgsz=96&model=people&version=2", headers)).status).toBe(200);
    server.child.kill("SIGINT");
    expect(await server.ended).toBe(0);
    expect(server.stdout).toBe("");
  });

  test("an unusable input ends it with one line and exit code 1, a wrong option with 2", async () => {
    const missing = start(["--weights", "none.pt"]);
    expect(await missing.ended).toBe(1);
    expect(missing.stderr).toMatch(/^error: none\.pt: no such file.*\n$/);
    const twice = start(["--weights", "codes", "codes"]);
    expect(await twice.ended).toBe(2);
    expect(twice.stderr).toMatch(
      /^error: two models have the name codes and the version 1; give one of them another name or version\n$/,
    );
  });
});

test("options are checked before anything is loaded", async () => {
  expect(await cli(["serve", "--port", "70000"])).toMatchObject({ code: 2 });
  expect(await cli(["serve", "--max-batch", "0"])).toMatchObject({ code: 2 });
  expect(await cli(["serve", "--log-level", "loud"])).toMatchObject({ code: 2 });
  expect((await cli(["serve", "--help"])).stdout).toContain("--grpc-port");
});
