/** Values that callers pass in Node: of another realm, and mistakes. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import vm from "node:vm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CheckpointError, ImageError } from "../../src/errors.js";
import { readPictureSource } from "../../src/node/pictures/pictureSource.js";
import { type DetectionResult, load, type Model, type PictureSource, type WeightSource } from "../../src/node.js";
import { rejection } from "../node/server.js";
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

describe("values from another realm", () => {
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
  ])("a picture given as %s is read", async (_, code) => {
    expect(await count(there(code))).toBe(found);
    const [first, second] = await model.detect(there<PictureSource[]>(`[${code}, ${code}]`), OPTIONS);
    expect([first, second].map((result) => (result as DetectionResult).detections.length)).toEqual([found, found]);
  });

  it.each(["Uint8ClampedArray", "Uint8Array"])("pixels in a %s are read", async (kind) => {
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
  ])("a checkpoint given as %s is loaded", async (_, code) => {
    const loaded = await load(there<WeightSource>(code), { backend: "cpu" });
    expect(loaded.names).toEqual(model.names);
    loaded.dispose();
  });

  it("a tensor, options and a signal are accepted", async () => {
    const size = 64;
    const data = there<Float32Array>(`new Float32Array(${3 * size * size})`);
    const [rows] = await model.forward({ dtype: "float32", shape: there(`[1, 3, ${size}, ${size}]`), data });
    expect(rows.shape[2]).toBe(9);
    const options = there<object>("({ imgsz: [320, 320], classes: [0], conf: 0.25 })");
    expect(((await model.detect(PICTURE, options)) as DetectionResult).detections.every((d) => d.class === 0)).toBe(
      true,
    );
  });

  it("bytes may change after the call without affecting it", async () => {
    const given = there<Uint8Array>("new Uint8Array(bytes)");
    const running = model.detect(given, OPTIONS);
    given.fill(0);
    expect(((await running) as DetectionResult).detections).toHaveLength(found);
  });
});

describe("anything that is not a picture or checkpoint is named, and its content is never repeated", () => {
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

  it("an empty list gives an empty list", async () => {
    expect(await model.detect([])).toEqual([]);
  });

  it("a File that no longer exists is reported", async () => {
    const gone = new File([], "holiday.jpg");
    Object.assign(gone, { arrayBuffer: () => Promise.reject(new DOMException("It moved", "NotReadableError")) });
    const message =
      "holiday.jpg: cannot be read (NotReadableError); choose it again, it may have been moved or changed";
    expect((await rejection(model.detect(gone))).message).toBe(message);
    expect((await rejection(load(gone))).message).toBe(message);
  });
});
