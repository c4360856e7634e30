/** `LiveServer`: viewers see the newest frames; slow ones and those that left cost nothing; only this machine is served. */

import { createServer, get, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterEach, describe, expect, test } from "vitest";
import { decodeImage } from "../../../src/image/index.js";
import { LiveServer } from "../../../src/node/live/liveServer.js";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

let server: LiveServer | undefined;
afterEach(() => server?.close());

const open = async (): Promise<LiveServer> => {
  server = await LiveServer.open({ port: 0, source: "street.mp4" });
  return server;
};
const frame = (level: number, width = 64, height = 48) => ({
  width,
  height,
  data: new Uint8Array(width * height * 3).fill(level),
});

const request = (address: string, headers = {}, method = "GET"): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => void get(address, { headers, method }, resolve).on("error", reject));

/** A viewer that collects the pictures of the stream. */
async function watch(address: string) {
  const answer = await request(`${address}stream`);
  expect(answer.headers["content-type"]).toBe("multipart/x-mixed-replace; boundary=yolov5-frame");
  const pictures: Buffer[] = [];
  let rest = Buffer.alloc(0);
  let wake = (): void => undefined;
  answer.on("error", () => undefined);
  answer.on("data", (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    for (;;) {
      const head = /^(?:\r\n)?--yolov5-frame\r\nContent-Type: image\/jpeg\r\nContent-Length: (\d+)\r\n\r\n/.exec(
        rest.toString("latin1", 0, 200),
      );
      if (!head || rest.length < head[0].length + Number(head[1])) return;
      pictures.push(rest.subarray(head[0].length, head[0].length + Number(head[1])));
      rest = rest.subarray(head[0].length + Number(head[1]));
      wake();
    }
  });
  const until = async (count: number): Promise<void> => {
    while (pictures.length < count) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  return { answer, pictures, until, leave: () => answer.destroy() };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
async function eventually(holds: () => boolean): Promise<void> {
  while (!holds()) await turn();
}

describe("viewers", () => {
  test("three viewers each see the newest frame when they are ready, and the last one arrives", async () => {
    const { address } = await open();
    const viewers = [await watch(address), await watch(address), await watch(address)];
    await eventually(() => server?.watching === 3);
    for (let level = 1; level <= 5; level++) {
      server?.show(frame(level * 40));
      await Promise.all(viewers.map(({ until }) => until(level)));
    }
    for (const { pictures } of viewers) {
      const { width, height, data } = await decodeImage(pictures[4]);
      expect([width, height]).toEqual([64, 48]);
      expect(Math.abs(data[0] - 200)).toBeLessThan(4);
    }
  });

  test("over 2,000 frames, a viewer that never reads gets few of them, and memory does not grow", async () => {
    const { address } = await open();
    const [fast, slow, leaving] = [await watch(address), await watch(address), await watch(address)];
    await eventually(() => server?.watching === 3);
    slow.answer.pause();
    const data = Uint8Array.from({ length: 160 * 120 * 3 }, (_, i) => (i * 2_654_435_761) >>> 24);
    const noise = { width: 160, height: 120, data };
    /** What nobody holds any longer is not growth; V8 frees it on threads of its own, a while after a collection. */
    const used = async (): Promise<number> => {
      let least = Number.POSITIVE_INFINITY;
      for (let look = 0; look < 5; look++) {
        collectGarbage();
        await setTimeout(50);
        const { arrayBuffers, external } = process.memoryUsage();
        least = Math.min(least, arrayBuffers + external);
      }
      return least;
    };
    let before = 0;
    for (let n = 0; n < 2000; n++) {
      server?.show(noise);
      if (n === 500) leaving.leave();
      if (n === 600) before = await used();
      // All collected pictures would be this test's own growth.
      fast.pictures.length = 0;
      await turn();
    }
    expect(server?.watching).toBe(2);
    // 1,400 frames of some 20 kB each would be 28 MB for each viewer.
    expect((await used()) - before).toBeLessThan(12 * 2 ** 20);
    expect(slow.pictures.length).toBeLessThan(500);
    server?.show(frame(250));
    await fast.until(1);
  });

  test("without viewers nothing is encoded, and a new viewer waits for a new frame", async () => {
    const { address } = await open();
    const broken = {
      ...frame(1),
      get data(): Uint8Array {
        throw new Error("was read");
      },
    };
    expect(() => server?.show(broken)).not.toThrow();
    const viewer = await watch(address);
    await eventually(() => server?.watching === 1);
    expect(() => server?.show(broken)).toThrow("was read");
    viewer.leave();
    await eventually(() => server?.watching === 0);
    expect(() => server?.show(broken)).not.toThrow();
  });
});

describe("answers", () => {
  const text = async (answer: IncomingMessage): Promise<string> => {
    const chunks: Buffer[] = [];
    for await (const chunk of answer) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks).toString();
  };

  test("the page, its script and the published figures are served", async () => {
    const { address } = await open();
    const page = await request(address);
    expect(page.headers["content-security-policy"]).toMatch(/default-src 'none'/);
    expect(await text(page)).toMatch(/<img id="stream" src="\/stream"/);
    expect(await text(await request(`${address}page.js`))).toMatch(/fetch\("\/status"\)/);
    server?.tell({ frames: 7, fps: 12.5, counts: { "<b>": 2 } });
    const status = JSON.parse(await text(await request(`${address}status`)));
    expect(status).toEqual({ source: "street.mp4", frames: 7, fps: 12.5, counts: { "<b>": 2 }, viewers: 0 });
  });

  test("foreign host names, other methods and other paths are refused", async () => {
    const { address } = await open();
    expect((await request(address, { Host: "evil.example" })).statusCode).toBe(403);
    expect((await request(`${address}stream`, { Host: "evil.example:80" })).statusCode).toBe(403);
    expect((await request(address, { Host: "localhost" })).statusCode).toBe(200);
    expect((await request(address, {}, "POST")).statusCode).toBe(405);
    expect((await request(`${address}etc/passwd`)).statusCode).toBe(404);
    expect(new URL(address).hostname).toBe("127.0.0.1");
  });

  test("a port in use is reported", async () => {
    const other = createServer();
    await new Promise<void>((resolve) => void other.listen(0, "127.0.0.1", resolve));
    const { port } = other.address() as AddressInfo;
    await expect(LiveServer.open({ port, source: "" })).rejects.toThrow(
      `port ${port}: something else listens there; give another one, or 0`,
    );
    other.close();
  });
});
