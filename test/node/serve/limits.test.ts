/** Clients that are slow, greedy, hostile or gone: the right status, and nothing else disturbed. */

import { crc32 } from "node:zlib";
import { describe, expect, test } from "vitest";
import { encodePng } from "../../../src/image/index.js";
import type { YoloServer } from "../../../src/node.js";
import { detectUrl, metric, pictureBytes, RawConnection, startSmall, withSmall } from "./support.js";

const post = (server: YoloServer, query = ""): Promise<Response> =>
  fetch(detectUrl(server, query), { method: "POST", body: pictureBytes() });

const head = (length: number | string): string =>
  `POST /detect?imgsz=96 HTTP/1.1\r\nhost: test\r\ncontent-length: ${length}\r\n\r\n`;

describe("bodies", () => {
  test("sent a byte at a time: 408, while others are answered", async () => {
    await withSmall({ readTimeout: 400 }, async (server) => {
      const slow = new RawConnection(server);
      slow.send(head(10_000));
      const trickle = setInterval(() => slow.send("x"), 50);
      expect((await post(server)).status).toBe(200);
      const { status, text } = await slow.answer();
      clearInterval(trickle);
      slow.close();
      expect([status, JSON.parse(text)]).toEqual([408, { error: "the body had not arrived after 0.4 s" }]);
      expect((await post(server)).status).toBe(200);
      expect(await metric(server, 'yolov5_refusals_total{reason="slow"}')).toBe(1);
    });
  });

  test("with headers that never end: the connection is closed", async () => {
    await withSmall({ readTimeout: 100 }, async (server) => {
      const slow = new RawConnection(server);
      slow.send("POST /detect HTTP/1.1\r\nhost: test\r\n");
      expect((await slow.answer()).status).toBe(408);
      slow.close();
    });
  });

  test("of 2 GB: 413 from the announced length, before the first byte", async () => {
    await withSmall({}, async (server) => {
      const greedy = new RawConnection(server);
      greedy.send(head(2 ** 31));
      const { status, text } = await greedy.answer();
      expect(status).toBe(413);
      expect(JSON.parse(text)).toEqual({
        error: "the body is larger than 67108864 bytes, this server's limit; send less",
      });
      // Goes on sending: cut off after a moment.
      const more = setInterval(() => greedy.send(new Uint8Array(2 ** 16)), 10);
      await new Promise((resolve) => greedy.socket.once("close", resolve));
      clearInterval(more);
      expect((await post(server)).status).toBe(200);
    });
  });

  test("endless, without a length: 413 as soon as the limit is exceeded", async () => {
    await withSmall({ maxBody: 100_000 }, async (server) => {
      const greedy = new RawConnection(server);
      greedy.send("POST /detect HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n");
      const chunk = Buffer.concat([Buffer.from("8000\r\n"), Buffer.alloc(0x8000), Buffer.from("\r\n")]);
      for (let i = 0; i < 4; i++) greedy.send(chunk);
      expect((await greedy.answer()).status).toBe(413);
      greedy.close();
      expect((await post(server)).status).toBe(200);
    });
  });

  test("compressed: 415", async () => {
    await withSmall({}, async (server) => {
      const headers = { "content-encoding": "gzip" };
      const answer = await fetch(detectUrl(server), { method: "POST", body: pictureBytes(), headers });
      expect([answer.status, await answer.json()]).toEqual([
        415,
        { error: "Content-Encoding gzip is not supported; send the body without it" },
      ]);
    });
  });

  test("cut off in the middle: nothing is computed, and others are answered", async () => {
    await withSmall({}, async (server) => {
      const broken = new RawConnection(server);
      broken.send(head(10_000));
      broken.send(pictureBytes().subarray(0, 500));
      expect((await post(server)).status).toBe(200);
      broken.close();
      while ((await metric(server, 'yolov5_refusals_total{reason="gone"}')) < 1) await new Promise(setImmediate);
      expect(await metric(server, "yolov5_batch_size_count")).toBe(1);
      expect((await post(server)).status).toBe(200);
    });
  });
});

test("with a picture bomb: 413 before memory for its pixels is allocated", async () => {
  await withSmall({ maxPixels: 10_000 }, async (server) => {
    // Says 30,000 × 30,000 pixels in a few bytes.
    const bomb = encodePng({ width: 8, height: 8, data: new Uint8Array(192) });
    const view = new DataView(bomb.buffer, bomb.byteOffset);
    view.setUint32(16, 30_000);
    view.setUint32(20, 30_000);
    view.setUint32(29, crc32(bomb.subarray(12, 29)));
    const answer = await fetch(detectUrl(server), { method: "POST", body: new Uint8Array(bomb) });
    expect(answer.status).toBe(413);
    expect(((await answer.json()) as { error: string }).error).toMatch(/30000×30000 pixels, above the limit of 10000/);
    expect((await post(server)).status).toBe(200);
  });
});

describe("the queue", () => {
  /** A batch that never fills keeps everybody in the queue. */
  const held = { maxBatch: 5, maxDelay: 60_000 };
  const until = async (server: YoloServer, waiting: number): Promise<void> => {
    while ((await metric(server, "yolov5_queue_length")) !== waiting) await new Promise(setImmediate);
  };

  test("if full, answers 429 with Retry-After, never exceeds its limit, and serves accepted requests", async () => {
    const server = await startSmall({ maxQueue: 3, ...held });
    const accepted = Array.from({ length: 3 }, () => post(server));
    await until(server, 3);
    for (let i = 0; i < 20; i++) {
      const answer = await post(server);
      expect(answer.status).toBe(429);
      expect(Number(answer.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
      expect(await answer.json()).toEqual({ error: "the queue is full (3 pictures are waiting); try again later" });
    }
    // Before a byte of its body is read.
    const large = new RawConnection(server);
    large.send(head(10_000));
    expect((await large.answer()).status).toBe(429);
    large.close();
    expect(await metric(server, "yolov5_queue_length")).toBe(3);
    await server.close();
    expect((await Promise.all(accepted)).map(({ status }) => status)).toEqual([200, 200, 200]);
  });

  test("drops the picture of a client that disconnects", async () => {
    await withSmall(held, async (server) => {
      const impatient = new AbortController();
      const answer = fetch(detectUrl(server), { method: "POST", body: pictureBytes(), signal: impatient.signal });
      await until(server, 1);
      impatient.abort();
      await expect(answer).rejects.toThrow();
      await until(server, 0);
      expect(await metric(server, "yolov5_batch_size_count")).toBe(0);
      expect(await metric(server, 'yolov5_refusals_total{reason="gone"}')).toBe(1);
    });
  });

  test("refuses a request with more pictures than it can hold: 413", async () => {
    await withSmall({ maxQueue: 2 }, async (server) => {
      const form = new FormData();
      for (let i = 0; i < 3; i++) form.append("a", new File([pictureBytes()], "a.png"));
      const answer = await fetch(detectUrl(server), { method: "POST", body: form });
      expect([answer.status, await answer.json()]).toEqual([
        413,
        { error: "3 pictures are more than the queue holds (2)" },
      ]);
    });
  });

  test("has a deadline: 504 without computing for requests that wait longer", async () => {
    await withSmall({ timeout: 50, ...held }, async (server) => {
      const answers = await Promise.all(Array.from({ length: 4 }, () => post(server)));
      for (const answer of answers) {
        expect([answer.status, await answer.json()]).toEqual([504, { error: "the answer was not ready after 0.05 s" }]);
      }
      expect(await metric(server, "yolov5_queue_length")).toBe(0);
      expect(await metric(server, "yolov5_batch_size_count")).toBe(0);
    });
  });
});
