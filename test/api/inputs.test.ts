/** What `load` and `detect` take in Node: of every realm, by every kind of address; and what they say of everything else. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import vm from "node:vm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CheckpointError, EngineError, ImageError, UnsupportedError } from "../../src/errors.js";
import { readPictureSource } from "../../src/node/pictures/pictureSource.js";
import { type DetectionResult, load, type Model, type PictureSource, type WeightSource } from "../../src/node.js";
import { rejection, withServer } from "../node/server.js";
import { REPOSITORY } from "../support/reference.js";

const PICTURE = join(REPOSITORY, "examples", "codes.png");
const WEIGHTS = join(REPOSITORY, "models", "codes.safetensors");
const OPTIONS = { imgsz: 320 } as const;

const bytes = readFileSync(PICTURE);
const weights = readFileSync(WEIGHTS);
/** Another realm, as vm contexts, jest's environments and embedded runtimes have it. */
const realm = vm.createContext({ bytes, weights, Blob, atob });
const there = <T>(code: string): T => vm.runInContext(code, realm) as T;

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

describe("of another realm", () => {
  it.each([
    ["bytes", "new Uint8Array(bytes)"],
    [
      "a part of a buffer",
      "(() => { const b = new Uint8Array(bytes.length + 9); b.set(bytes, 5); return b.subarray(5, bytes.length + 5); })()",
    ],
    ["a buffer", "new Uint8Array(bytes).buffer"],
    [
      "shared memory",
      "(() => { const b = new Uint8Array(new SharedArrayBuffer(bytes.length)); b.set(bytes); return b; })()",
    ],
    [
      "a shared buffer",
      "(() => { const b = new Uint8Array(new SharedArrayBuffer(bytes.length)); b.set(bytes); return b.buffer; })()",
    ],
    [
      "a Blob of that realm",
      "new (class Blob extends Object { get [Symbol.toStringTag]() { return 'Blob' } get size() { return bytes.length } async arrayBuffer() { return new Uint8Array(bytes).buffer } })()",
    ],
    [
      "a File of that realm",
      "({ [Symbol.toStringTag]: 'File', name: 'c.png', size: bytes.length, arrayBuffer: async () => new Uint8Array(bytes).buffer })",
    ],
    ["a URL of that realm", `({ [Symbol.toStringTag]: 'URL', href: ${JSON.stringify(pathToFileURL(PICTURE).href)} })`],
  ])("a picture as %s", async (_, code) => {
    expect(await count(there(code))).toBe(found);
    const [first, second] = await model.detect(there<PictureSource[]>(`[${code}, ${code}]`), OPTIONS);
    expect([first, second].map((result) => (result as DetectionResult).detections.length)).toEqual([found, found]);
  });

  it.each(["Uint8ClampedArray", "Uint8Array"])("pixels in a %s", async (kind) => {
    const { image } = await readPictureSource(PICTURE);
    Object.assign(realm, { pixels: image.data, width: image.width, height: image.height });
    expect(await count(there(`({ data: new ${kind}(pixels), width, height })`))).toBe(found);
  });

  it.each([
    ["bytes", "new Uint8Array(weights)"],
    ["a buffer", "new Uint8Array(weights).buffer"],
    [
      "a File",
      "({ [Symbol.toStringTag]: 'File', name: 'mine.safetensors', size: 1, arrayBuffer: async () => new Uint8Array(weights).buffer })",
    ],
    ["a list", "[new Uint8Array(weights), new Uint8Array(weights).buffer]"],
  ])("a checkpoint as %s", async (_, code) => {
    const loaded = await load(there<WeightSource>(code), { backend: "cpu" });
    expect(loaded.names).toEqual(model.names);
    loaded.dispose();
  });

  it("a tensor, options and a signal", async () => {
    const size = 64;
    const data = there<Float32Array>(`new Float32Array(${3 * size * size})`);
    const [rows] = await model.forward({ dtype: "float32", shape: there(`[1, 3, ${size}, ${size}]`), data });
    expect(rows.shape[2]).toBe(9);
    const options = there<object>("({ imgsz: [320, 320], classes: [0], conf: 0.25 })");
    expect(((await model.detect(PICTURE, options)) as DetectionResult).detections.every((d) => d.class === 0)).toBe(
      true,
    );
  });

  it("bytes that change after the call are those of the call", async () => {
    const given = there<Uint8Array>("new Uint8Array(bytes)");
    const running = model.detect(given, OPTIONS);
    given.fill(0);
    expect(((await running) as DetectionResult).detections).toHaveLength(found);
  });
});

describe("what is no picture and no checkpoint is named, never repeated", () => {
  const secret = "s3cr3t-".repeat(2000);
  class Wrapper {
    readonly content = secret;
  }
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  const wrong: [string, unknown, string][] = [
    ["null", null, "got null"],
    ["undefined", undefined, "got undefined"],
    ["a number", 7, "got a number"],
    ["a function", () => secret, "got a function"],
    ["a list in a list", [], "got an empty array"],
    ["an object", { content: secret }, "got Object"],
    ["an object of a class", new Wrapper(), "got Wrapper"],
    ["an object without a class", Object.assign(Object.create(null), { secret }), "got Object"],
    ["a Response", new Response(secret), "got Response; give await response.blob()"],
    ["a Promise", Promise.resolve(secret), "got Promise; await it first"],
    ["floats", new Float32Array(9), "got Float32Array"],
    ["a DataView", new DataView(new ArrayBuffer(9)), "got DataView"],
    ["a Map", new Map([[secret, secret]]), "got Map"],
    ["a revoked proxy", proxy, "got Proxy"],
    ["a class with a long name", { constructor: { name: "x".repeat(9999) } }, `got ${"x".repeat(60)}`],
    ["text of another realm", there("new String('x')"), "got String"],
  ];

  it.each(wrong)("%s", async (_, given, message) => {
    const picture = await rejection(model.detect([given as PictureSource]));
    expect(picture).toBeInstanceOf(ImageError);
    expect(picture.message).toContain(
      `a picture must be a path, URL, encoded bytes or { data, width, height }, ${message}`,
    );
    const checkpoint = await rejection(load([given as WeightSource], { backend: "cpu" }));
    expect(checkpoint).toBeInstanceOf(CheckpointError);
    expect(checkpoint.message).toContain(message);
    for (const { message: text } of [picture, checkpoint]) {
      expect(text.length).toBeLessThan(250);
      expect(text).not.toContain("s3cr3t");
      expect(text).not.toContain("\n");
    }
  });

  it.each([
    [
      "data of a list",
      { data: [1, 2, 3], width: 1, height: 1 },
      "data must be bytes (Uint8Array or Uint8ClampedArray), got an array",
    ],
    ["data of text", { data: "x".repeat(9999), width: 1, height: 1 }, "got a string"],
    ["sides of text", { data: new Uint8Array(3), width: "1", height: null }, "got a string×null"],
  ])("pixels with %s", async (_, given, message) => {
    const error = await rejection(model.detect(given as unknown as PictureSource));
    expect(error).toBeInstanceOf(ImageError);
    expect(error.message).toContain(message);
    expect(error.message.length).toBeLessThan(200);
  });

  it("an empty list is an empty list", async () => {
    expect(await model.detect([])).toEqual([]);
  });

  it("a File that is gone", async () => {
    const gone = new File([], "holiday.jpg");
    Object.assign(gone, { arrayBuffer: () => Promise.reject(new DOMException("It moved", "NotReadableError")) });
    const message =
      "holiday.jpg: cannot be read (NotReadableError); choose it again, it may have been moved or changed";
    expect((await rejection(model.detect(gone))).message).toBe(message);
    expect((await rejection(load(gone))).message).toBe(message);
  });
});

describe("addresses", () => {
  it.each([
    ["data:", `data:image/png;base64,${bytes.toString("base64")}`],
    ["DATA: with a blank before it", ` DATA:image/png;base64,${bytes.toString("base64")}`],
    ["file:///", pathToFileURL(PICTURE).href],
    ["file:/", pathToFileURL(PICTURE).href.replace("file:///", "file:/")],
    ["a path", PICTURE],
  ])("%s as text and as URL", async (_, address) => {
    expect(await count(address)).toBe(found);
    if (address !== PICTURE) expect(await count(new URL(address))).toBe(found);
  });

  it("blob:, which may be revoked", async () => {
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

  it("the name of a result is short, and a path is whole", async () => {
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
  ])("%s is one short line", async (_, given, message) => {
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

  it("that is aborted: detect, a list, a stream, load", async () => {
    const signal = AbortSignal.abort(reason);
    expect(await rejection(model.detect(PICTURE, { signal }))).toBe(reason);
    expect(await rejection(model.detect([PICTURE, "missing.jpg"], { signal }))).toBe(reason);
    expect(await rejection(model.stream([PICTURE], { signal }).next())).toBe(reason);
    expect((await rejection(model.detect("missing.jpg", { signal: AbortSignal.abort() }))).name).toBe("AbortError");
    expect(await count(PICTURE)).toBe(found);
  });

  it("during a download: rejects at once, and the server sees it", async () => {
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

  it("while the network runs: rejects, and the next call is answered", async () => {
    const controller = new AbortController();
    const running = model.detect([PICTURE, PICTURE, PICTURE], { signal: controller.signal });
    setTimeout(() => controller.abort(reason), 5);
    expect(await rejection(running)).toBe(reason);
    expect(await count(PICTURE)).toBe(found);
  });

  it("of a library, which knows neither reasons nor throwIfAborted", async () => {
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

  it.each(["soon", {}, 5, true])("%o is none", async (signal) => {
    const message = /^signal must be an AbortSignal, got /;
    expect((await rejection(model.detect(PICTURE, { signal: signal as AbortSignal }))).message).toMatch(message);
    expect((await rejection(load(WEIGHTS, { signal: signal as AbortSignal }))).message).toMatch(message);
  });
});

it("the browser entry's loadInWorker, called in Node, says so at once", async () => {
  const { loadInWorker } = await import("../../src/browser.js");
  for (const source of [WEIGHTS, weights, "codes"]) {
    const error = await rejection(loadInWorker(source, { backend: "cpu" }));
    expect(error).toBeInstanceOf(UnsupportedError);
    expect(error.message).toBe("loadInWorker needs a web page or a web worker; in Node use load()");
  }
});
