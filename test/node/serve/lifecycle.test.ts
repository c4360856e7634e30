/** Starting, reloading and closing: ready means warm, and no accepted request is lost. */

import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { modelSpecs, parseModelWord } from "../../../src/node/serve/models/modelSpecs.js";
import { createServer } from "../../../src/node.js";
import { detectUrl, fixture, metric, pictureBytes, RawConnection, startSmall, V6, withSmall } from "./support.js";

const folder = mkdtempSync(join(tmpdir(), "yolov5-serve-"));
afterAll(() => rmSync(folder, { recursive: true }));

const post = (url: string): Promise<Response> => fetch(url, { method: "POST", body: pictureBytes() });

describe("closing", () => {
  test("accepted requests are answered, later ones are refused, and the process can end", async () => {
    // A batch that is never full: all of them wait when the server closes.
    const server = await startSmall({ maxBatch: 7, maxDelay: 60_000, drainTimeout: 2 ** 31 - 1 });
    const url = detectUrl(server);
    const answers = Array.from({ length: 6 }, () => post(url));
    while ((await metric(server, "yolov5_queue_length")) < 6) await new Promise(setImmediate);
    const accepted = Promise.all(answers.map(async (answer) => (await answer).status));
    await server.close();
    const status = await accepted;
    expect(status).toEqual(new Array(6).fill(200));
    await expect(post(url)).rejects.toThrow();
    await server.close();
  });

  test("while it still accepts requests, it reports not ready and closes connections", async () => {
    const server = await startSmall({ drainDelay: 500 });
    expect(server.ready).toBe(true);
    const closing = server.close();
    expect(server.ready).toBe(false);
    const health = await fetch(`${server.url}/v2/health/ready`);
    expect([health.status, await health.json()]).toEqual([503, { live: true, ready: false }]);
    expect((await fetch(`${server.url}/v2/health/live`)).status).toBe(200);
    const answer = await post(detectUrl(server));
    expect([answer.status, answer.headers.get("connection")]).toEqual([200, "close"]);
    await closing;
  });

  test("a client that never finishes its request does not keep it open", async () => {
    const server = await startSmall({ drainTimeout: 200 });
    const hanging = new RawConnection(server);
    hanging.send("POST /detect HTTP/1.1\r\nhost: test\r\ncontent-length: 100\r\n\r\nabc");
    await new Promise((resolve) => hanging.socket.once("connect", resolve));
    await server.close();
    hanging.close();
  });
});

describe("reloading", () => {
  test("no request is dropped, and the new weights answer afterwards", async () => {
    const file = join(folder, "reloaded.pt");
    copyFileSync(V6, file);
    await withSmall({ models: file }, async (server) => {
      const boxes = async (): Promise<string> => {
        const answer = await post(detectUrl(server, "&conf=0.05"));
        expect(answer.status).toBe(200);
        const { images } = (await answer.json()) as { images: { detections: unknown }[] };
        return JSON.stringify(images[0].detections);
      };
      const before = await boxes();
      copyFileSync(fixture("csp.pt"), file);
      let reloaded = false;
      const reload = fetch(`${server.url}/v2/repository/models/reloaded/load`, { method: "POST" }).then((answer) => {
        reloaded = true;
        return answer.status;
      });
      const during: string[] = [];
      while (!reloaded) during.push(...(await Promise.all([boxes(), boxes(), boxes()])));
      expect(await reload).toBe(200);
      const after = await boxes();
      expect(after).not.toBe(before);
      expect(new Set([...during, before, after])).toEqual(new Set([before, after]));
    });
  });

  test("a file that cannot be loaded changes nothing, and the answer says why", async () => {
    const file = join(folder, "broken.pt");
    copyFileSync(V6, file);
    await withSmall({ models: file }, async (server) => {
      writeFileSync(file, "no checkpoint");
      const answer = await fetch(`${server.url}/v2/repository/models/broken/load`, { method: "POST" });
      expect(answer.status).toBe(400);
      expect(((await answer.json()) as { error: string }).error).toMatch(/broken\.pt/);
      await expect(server.reload()).rejects.toThrow(/broken\.pt/);
      expect(server.ready).toBe(true);
      expect((await post(detectUrl(server))).status).toBe(200);
    });
  });

  test("an unloaded model answers 503 until it is loaded again", async () => {
    await withSmall({ models: [V6, fixture("csp.pt")] }, async (server) => {
      const control = (what: string): Promise<Response> =>
        fetch(`${server.url}/v2/repository/models/csp/${what}`, { method: "POST" });
      expect((await control("unload")).status).toBe(200);
      expect((await fetch(`${server.url}/v2/models/csp/ready`)).status).toBe(503);
      expect((await post(detectUrl(server, "&model=csp"))).status).toBe(503);
      expect((await post(detectUrl(server))).status).toBe(200);
      const index = await (await fetch(`${server.url}/v2/repository/index`, { method: "POST" })).json();
      expect(index).toContainEqual({ name: "csp", version: "1", state: "UNAVAILABLE", reason: "unloaded" });
      expect((await control("load")).status).toBe(200);
      expect((await post(detectUrl(server, "&model=csp"))).status).toBe(200);
    });
  });
});

describe("starting", () => {
  test("it is live at once and ready when warm", async () => {
    const log: Record<string, unknown>[] = [];
    const notes: Promise<number[]>[] = [];
    const status = async (url: string): Promise<number[]> =>
      Promise.all(["live", "ready"].map(async (what) => (await fetch(`${url}/v2/health/${what}`)).status));
    const server = await startSmall({
      logLevel: "info",
      log: {
        write: (text) => {
          const line = JSON.parse(text) as { msg: string };
          log.push(line);
          const [url] = /http:\S+/.exec(line.msg) ?? [];
          if (url !== undefined) notes.push(status(url));
        },
      },
    });
    const [first] = await Promise.all(notes);
    expect(first[0]).toBe(200);
    expect(await status(server.url)).toEqual([200, 200]);
    expect(log.at(-1)).toMatchObject({ msg: expect.stringMatching(/ready|request/) });
    await server.close();
  });

  test("a port in use, a missing file and wrong options end it with one line", async () => {
    await withSmall({}, async ({ url }) => {
      const port = Number(new URL(url).port);
      await expect(startSmall({ port })).rejects.toThrow(
        `port ${port}: something else listens there; give another one, or 0 for any that is free`,
      );
      await expect(startSmall({ grpcPort: port })).rejects.toThrow(`gRPC port ${port}: something else listens there;`);
    });
    for (const host of ["192.0.2.1", "none.invalid"]) {
      const refused = `host ${host}: is not an address of this machine; give 127.0.0.1`;
      await expect(startSmall({ host })).rejects.toThrow(refused);
      await expect(startSmall({ host, grpcPort: 0 })).rejects.toThrow(refused);
    }
    const log: string[] = [];
    const logging = { logLevel: "info", log: { write: (line: string) => void log.push(line) } } as const;
    await expect(startSmall({ models: join(folder, "none.pt"), ...logging })).rejects.toThrow(/none\.pt: no such file/);
    // Nobody could connect to a server that would not stay.
    expect(log).toEqual([]);
    await expect(createServer({ port: -1 })).rejects.toThrow("port must be a whole number from 0 to 65535, got -1");
    await expect(createServer({ maxQueue: 0 })).rejects.toThrow("maxQueue must be a whole number of at least 1, got 0");
    await expect(createServer({ apiKey: "" })).rejects.toThrow("apiKey must be a string that is not empty");
    await expect(createServer({ logLevel: "loud" as "info" })).rejects.toThrow(/logLevel must be one of debug, info/);
  });
});

describe("names", () => {
  test("come from the file, or from the caller", () => {
    const names = (models: Parameters<typeof modelSpecs>[0]): string[] =>
      modelSpecs(models).map(({ name, version }) => `${name}@${version}`);
    expect(names(undefined)).toEqual(["codes@1"]);
    expect(names(["runs/my best.pt", "random:yolov5s", "https://example.org/a.pt?b=c"])).toEqual([
      "my-best@1",
      "yolov5s@1",
      "a@1",
    ]);
    expect(names(["people@2=a.pt", "people@10=b.pt", "x=c.pt", "./a=b.pt"].map(parseModelWord))).toEqual([
      "people@2",
      "people@10",
      "x@1",
      "a-b@1",
    ]);
    expect(parseModelWord("https://example.org/a.pt?b=c")).toEqual({ weights: "https://example.org/a.pt?b=c" });
    expect(() => modelSpecs(["a.pt", "b/a.pt"])).toThrow(/two models have the name a and the version 1/);
    expect(() => modelSpecs({ name: "a b", weights: "a.pt" })).toThrow(/the name of a model must be letters/);
    for (const version of ["x", "0", "1.5", "", "-1"]) {
      expect(() => modelSpecs({ name: "a", version, weights: "a.pt" })).toThrow(
        `the version of model a must be a whole number from 1, as text, got "${version}"`,
      );
    }
    expect(() => modelSpecs([])).toThrow(/at least one model/);
  });
});
