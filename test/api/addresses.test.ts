/** Addresses and signals that callers pass in Node. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CheckpointError, EngineError, UnsupportedError } from "../../src/errors.js";
import { type DetectionResult, load, type Model, type PictureSource } from "../../src/node.js";
import { rejection, withServer } from "../node/server.js";
import { REPOSITORY } from "../support/reference.js";

const PICTURE = join(REPOSITORY, "examples", "codes.png");
const WEIGHTS = join(REPOSITORY, "models", "codes.safetensors");
const OPTIONS = { imgsz: 320 } as const;

const bytes = readFileSync(PICTURE);
const weights = readFileSync(WEIGHTS);

let model: Model<PictureSource>;
let found: number;

beforeAll(async () => {
  model = await load("codes", { backend: "wasm", threads: 1 });
  found = await count(PICTURE);
});

afterAll(() => model.dispose());

async function count(source: PictureSource): Promise<number> {
  return ((await model.detect(source, OPTIONS)) as DetectionResult).detections.length;
}

describe("addresses", () => {
  it.each([
    ["data:", `data:image/png;base64,${bytes.toString("base64")}`],
    ["DATA: with a blank before it", ` DATA:image/png;base64,${bytes.toString("base64")}`],
    ["file:///", pathToFileURL(PICTURE).href],
    ["file:/", pathToFileURL(PICTURE).href.replace("file:///", "file:/")],
    ["a path", PICTURE],
  ])("%s as a string and as a URL", async (_, address) => {
    expect(await count(address)).toBe(found);
    if (address !== PICTURE) expect(await count(new URL(address))).toBe(found);
  });

  it("blob:, also after it is revoked", async () => {
    const url = URL.createObjectURL(new Blob([bytes]));
    expect(await count(url)).toBe(found);
    expect(await count(new URL(url))).toBe(found);
    URL.revokeObjectURL(url);
    expect((await rejection(model.detect(url))).message).toBe(
      `${url}: names no Blob of this process, or a revoked one; give the Blob itself`,
    );
    const file = URL.createObjectURL(new Blob([weights]));
    (await load(file, { backend: "cpu" })).dispose();
    URL.revokeObjectURL(file);
    expect(await rejection(load(file, { backend: "cpu" }))).toBeInstanceOf(CheckpointError);
  });

  it("results shorten long addresses, but keep paths whole", async () => {
    const data = `data:image/png;base64,${bytes.toString("base64")}`;
    expect((await model.detect(data, OPTIONS)).source).toBe("data:image/png;base64,…");
    expect((await model.detect(pathToFileURL(PICTURE), OPTIONS)).source).toBe(PICTURE);
  });

  const long = "iVBORw0KGgo".repeat(9000);
  it.each([
    ["an empty string", "", /^(picture|checkpoint): got an empty string/],
    ["an unknown scheme", "s3://bucket/a.jpg", /^s3:\/\/bucket\/a\.jpg: addresses of the kind s3: are not supported/],
    ["ftp", "ftp://me:pw@host/a.jpg", /^ftp:\/\/me:\*\*\*@host\/a\.jpg: addresses of the kind ftp: are not supported/],
    ["a camera", "rtsp://me:pw@host/1", /^rtsp:\/\/me:\*\*\*@host\/1: addresses of the kind rtsp:/],
    ["an extension's", "chrome-extension://abc/a.png", /^chrome-extension:\/\/abc\/a\.png: addresses of the kind/],
    [
      "a URL without slashes",
      new URL("mailto:me@example.org"),
      /^mailto:me@example\.org: addresses of the kind mailto:/,
    ],
    [
      "another machine's file",
      "file://elsewhere/a.jpg",
      /^file:\/\/elsewhere\/a\.jpg: does not name a file on this machine/,
    ],
    ["data that are none", "data:nothing", /^data:…: is not a well-formed data: address/],
    [
      "data in base64 that is none",
      `data:image/png;base64,!!${long}`,
      /^data:image\/png;base64,…: is not a well-formed data: address/,
    ],
    ["data of no picture", `data:text/plain,${long}`, /^data:text\/plain,…: /],
    ["short base64 without a scheme", `${"iVBORw0KGgo".repeat(400)}`, /^iVBORw0KGgo.*…: /],
    ["base64 without a scheme", long, /^(picture|checkpoint): \d+ characters are not a path/],
    ["a login", "http://me:pw@127.0.0.1:9/a.jpg", /^http:\/\/me:\*\*\*@127\.0\.0\.1:9\/a\.jpg: /],
  ])("%s is reported in one short line", async (_, given, message) => {
    for (const work of [model.detect(given), load(given, { backend: "cpu" })]) {
      const error = await rejection(work);
      expect(error).toBeInstanceOf(EngineError);
      expect(error.message).toMatch(message);
      expect(error.message.length).toBeLessThan(600);
      expect(JSON.stringify((error as EngineError).details).length).toBeLessThan(6000);
      expect(error.message).not.toMatch(/pw@|\n/);
    }
  });
});

describe("signal", () => {
  const reason = new Error("the user left");

  it("already aborted: detect, lists, streams and load reject", async () => {
    const signal = AbortSignal.abort(reason);
    expect(await rejection(model.detect(PICTURE, { signal }))).toBe(reason);
    expect(await rejection(model.detect([PICTURE, "missing.jpg"], { signal }))).toBe(reason);
    expect(await rejection(model.stream([PICTURE], { signal }).next())).toBe(reason);
    expect((await rejection(model.detect("missing.jpg", { signal: AbortSignal.abort() }))).name).toBe("AbortError");
    expect(await count(PICTURE)).toBe(found);
  });

  it("aborted during a download: rejects at once, and the server notices", async () => {
    const controller = new AbortController();
    let closed = (): void => undefined;
    const ended = new Promise<void>((resolve) => {
      closed = resolve;
    });
    await withServer(
      (request, response) => {
        request.on("close", closed);
        response.writeHead(200, { "content-length": 100_000 }).write("x");
        setTimeout(() => controller.abort(reason), 20);
      },
      async (url) => {
        expect(await rejection(model.detect(`${url}/a.jpg`, { signal: controller.signal }))).toBe(reason);
        await ended;
      },
    );
  });

  it("aborted while the network runs: rejects, and the next call is answered", async () => {
    const controller = new AbortController();
    const running = model.detect([PICTURE, PICTURE, PICTURE], { signal: controller.signal });
    setTimeout(() => controller.abort(reason), 5);
    expect(await rejection(running)).toBe(reason);
    expect(await count(PICTURE)).toBe(found);
  });

  it("from a library that has neither reasons nor throwIfAborted", async () => {
    const listeners = new Set<() => void>();
    const signal = {
      aborted: false,
      addEventListener: (_: string, listener: () => void) => listeners.add(listener),
      removeEventListener: (_: string, listener: () => void) => listeners.delete(listener),
    };
    const given = { signal: signal as unknown as AbortSignal };
    expect(((await model.detect(PICTURE, { ...OPTIONS, ...given })) as DetectionResult).detections).toHaveLength(found);
    expect(listeners.size).toBe(0);
    const many = Array.from({ length: 12 }, () => model.detect(PICTURE, { imgsz: 64, ...given }));
    expect(listeners.size).toBe(1);
    await Promise.all(many);
    expect(listeners.size).toBe(0);
    await withServer(
      (_, response) => {
        response.writeHead(200, { "content-length": 100_000 }).write("x");
        setTimeout(() => {
          signal.aborted = true;
          for (const listener of [...listeners]) listener();
        }, 20);
      },
      async (url) => {
        expect((await rejection(model.detect(`${url}/a.jpg`, given))).name).toBe("AbortError");
      },
    );
    expect(listeners.size).toBe(0);
    expect((await rejection(load(WEIGHTS, { backend: "cpu", ...given }))).name).toBe("AbortError");
  });

  it.each(["soon", {}, 5, true])("%o is rejected as a signal", async (signal) => {
    const message = /^signal must be an AbortSignal, got /;
    expect((await rejection(model.detect(PICTURE, { signal: signal as AbortSignal }))).message).toMatch(message);
    expect((await rejection(load(WEIGHTS, { signal: signal as AbortSignal }))).message).toMatch(message);
  });
});

it("the browser entry's loadInWorker rejects at once if it is called in Node", async () => {
  const { loadInWorker } = await import("../../src/browser.js");
  for (const source of [WEIGHTS, weights, "codes"]) {
    const error = await rejection(loadInWorker(source, { backend: "cpu" }));
    expect(error).toBeInstanceOf(UnsupportedError);
    expect(error.message).toBe("loadInWorker needs a web page or a web worker; in Node use load()");
  }
});
