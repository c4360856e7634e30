/** Downloads from a local server: progress, every way to fail, nothing half-written. */

import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { DownloadError } from "../../../src/errors.js";
import { sha256 } from "../../../src/node/files/sha256.js";
import { ByteCollector } from "../../../src/node/net/byteCollector.js";
import { download } from "../../../src/node/net/download.js";
import { rejection, unreachableUrl, withServer } from "../server.js";

const BYTES = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 31) & 255);

describe("download", () => {
  it("gives the bytes and reports progress up to the total", async () => {
    await withServer(
      (_, response) => response.writeHead(200, { "content-length": BYTES.length }).end(BYTES),
      async (url) => {
        const seen: { loaded: number; total: number | undefined }[] = [];
        const bytes = await download(`${url}/w.pt`, { onProgress: (p) => seen.push(p) });
        expect(Buffer.compare(bytes, BYTES)).toBe(0);
        expect(seen.length).toBeGreaterThan(0);
        expect(seen.every(({ total }) => total === BYTES.length)).toBe(true);
        expect(seen.map(({ loaded }) => loaded)).toEqual(seen.map(({ loaded }) => loaded).sort((a, b) => a - b));
        expect(seen.at(-1)?.loaded).toBe(BYTES.length);
      },
    );
  });

  it("reports no total without a Content-Length, or for a compressed body", async () => {
    for (const compressed of [false, true]) {
      await withServer(
        (_, response) => {
          if (compressed) {
            const body = gzipSync(BYTES);
            response.writeHead(200, { "content-encoding": "gzip", "content-length": body.length }).end(body);
          } else {
            response.writeHead(200);
            response.write(BYTES.subarray(0, 1000));
            response.end(BYTES.subarray(1000));
          }
        },
        async (url) => {
          const totals = new Set<number | undefined>();
          const bytes = await download(url, { onProgress: ({ total }) => totals.add(total) });
          expect(Buffer.compare(bytes, BYTES)).toBe(0);
          expect([...totals]).toEqual([undefined]);
        },
      );
    }
  });

  it("follows redirects", async () => {
    await withServer(
      (request, response) => {
        if (request.url === "/moved") response.writeHead(302, { location: "/here" }).end();
        else response.writeHead(200).end("bytes");
      },
      async (url) => expect(Buffer.from(await download(`${url}/moved`)).toString()).toBe("bytes"),
    );
  });

  it("reports the server's answer, with advice", async () => {
    await withServer(
      (_, response) => response.writeHead(404, "Not Found").end("<html>no such page</html>"),
      async (url) => {
        const error = await rejection(download(`${url}/w.pt`, { advice: "put the file at /x" }));
        expect(error).toBeInstanceOf(DownloadError);
        expect(error.message).toBe(`${url}/w.pt: the server answered 404 Not Found; put the file at /x`);
      },
    );
  });

  it("says why if nothing listens", async () => {
    const url = await unreachableUrl();
    const error = await rejection(download(url));
    expect(error).toBeInstanceOf(DownloadError);
    expect(error.message).toBe(`${url}: cannot be reached (ECONNREFUSED)`);
  });

  it("reports how far it got if the connection breaks", async () => {
    await withServer(
      (_, response) => {
        response.writeHead(200, { "content-length": BYTES.length });
        response.write(BYTES.subarray(0, 1000), () => setTimeout(() => response.destroy(), 20));
      },
      async (url) => {
        const error = await rejection(download(url));
        expect(error).toBeInstanceOf(DownloadError);
        expect(error.message).toContain(`the connection broke after 1000 of ${BYTES.length} bytes`);
      },
    );
  });

  it("gives up on a server that stalls, before or after the first bytes", async () => {
    for (const sent of [0, 10]) {
      await withServer(
        (_, response) => {
          if (sent > 0) {
            response.writeHead(200, { "content-length": 1000 });
            response.write(BYTES.subarray(0, sent));
          }
        },
        async (url) => {
          const error = await rejection(download(url, { stallMs: 150, advice: "try later" }));
          expect(error).toBeInstanceOf(DownloadError);
          expect(error.message).toBe(`${url}: no data for 0.15 s; try later`);
        },
      );
    }
  });

  it("does not give up on a slow server that keeps sending", async () => {
    await withServer(
      (_, response) => {
        response.writeHead(200);
        let sent = 0;
        const timer = setInterval(() => {
          response.write("x");
          if (++sent === 8) {
            clearInterval(timer);
            response.end();
          }
        }, 50);
      },
      async (url) => expect((await download(url, { stallMs: 300 })).length).toBe(8),
    );
  });

  it("gives up on a server that only trickles, and on one that never ends", async () => {
    const dripping = (use: (url: string) => Promise<void>): Promise<void> =>
      withServer((_, response) => {
        const timer = setInterval(() => response.write("x"), 20);
        response.on("close", () => clearInterval(timer));
      }, use);
    await dripping(async (url) => {
      const error = await rejection(download(url, { slowMs: 300, advice: "try later" }));
      expect(error.message).toMatch(/: too slow: \d+ bytes in 0\.3 s; try later$/);
    });
    await dripping(async (url) => {
      const error = await rejection(download(url, { totalMs: 300 }));
      expect(error.message).toBe(`${url}: not finished after 0.3 s`);
    });
  });

  it("uses no memory per chunk: a million chunks of one byte", () => {
    const collector = new ByteCollector();
    const before = process.memoryUsage();
    for (let i = 0; i < 1_000_000; i++) collector.add(Uint8Array.of(i & 255));
    const after = process.memoryUsage();
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(200e6);
    const bytes = collector.join();
    expect(bytes).toHaveLength(1_000_000);
    for (const at of [0, 65_535, 65_536, 131_072, 999_999]) expect(bytes[at]).toBe(at & 255);
    const mixed = new ByteCollector();
    for (const length of [0, 1, 70_000, 3, 20_000_000]) mixed.add(new Uint8Array(length).fill(length % 251));
    expect([mixed.length, mixed.join().length]).toEqual([20_070_004, 20_070_004]);
  });

  it("stops when it is cancelled", async () => {
    await withServer(
      (_, response) => {
        response.writeHead(200, { "content-length": 1000 });
        response.write("x");
      },
      async (url) => {
        const controller = new AbortController();
        const error = await rejection(
          download(url, { signal: controller.signal, onProgress: () => controller.abort() }),
        );
        expect(error.name).toBe("AbortError");
        expect(error).toBe(controller.signal.reason);
      },
    );
  });

  it("refuses more bytes than the limit, announced or not", async () => {
    for (const announced of [true, false]) {
      await withServer(
        (_, response) => {
          response.writeHead(200, announced ? { "content-length": BYTES.length } : {});
          response.write(BYTES.subarray(0, 5000));
          response.end(BYTES.subarray(5000));
        },
        async (url) => {
          const error = await rejection(download(url, { maxBytes: 1000 }));
          expect(error).toBeInstanceOf(DownloadError);
          expect(error.message).toContain(announced ? "300000 bytes exceed the limit of 1000" : "more than 1000");
        },
      );
    }
  });
});

describe("sha256", () => {
  it("is the lower-case hexadecimal digest", () => {
    expect(sha256(new TextEncoder().encode("abc"))).toBe(
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    );
  });
});
