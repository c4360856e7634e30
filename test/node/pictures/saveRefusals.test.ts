/** What `result.save` refuses, each in one line. */

import { copyFile, link, mkdir, mkdtemp, readdir, readFile, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { runInNewContext } from "node:vm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ImageError, OptionError, OutputError, UnsupportedError } from "../../../src/errors.js";
import { decodeImage } from "../../../src/image/index.js";
import {
  annotate,
  DetectionResult,
  load,
  type Model,
  type PictureSource,
  type RawPicture,
  type Result,
  type SaveOptions,
  savePicture,
} from "../../../src/node.js";
import { EXAMPLE, fixture } from "../../cli/support.js";
import { rejection } from "../server.js";

let folder: string;
let model: Model<PictureSource>;
let result: Result;
const WEIGHTS = fixture("v6.pt");
const PICTURE = fixture("picture.png");
/** Random weights: scores are low. */
const OPTIONS = { imgsz: 64, conf: 0.02, maxDet: 20 };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "yolov5-annotate-"));
  model = await load(WEIGHTS, { backend: "wasm" });
  result = await model.detect(PICTURE, OPTIONS);
  expect(result.detections.length).toBeGreaterThan(2);
});

afterAll(async () => {
  model?.dispose();
  await rm(folder, { recursive: true, force: true });
});

describe("save refuses in one line", () => {
  const refusal = async (path: string | URL, options?: SaveOptions, one: Result = result) => {
    const before = await readdir(folder, { recursive: true });
    const error = await rejection(one.save(path, options));
    expect(error.message).not.toContain("\n");
    expect(await readdir(folder, { recursive: true })).toEqual(before);
    return error;
  };

  it.each(["out.webp", "out.gif", "out", "out.jpg.txt", ".png", "jpg"])("the extension of %s", async (name) => {
    const path = join(folder, name);
    const error = await refusal(path);
    expect(error).toBeInstanceOf(OptionError);
    expect(error.message).toBe(
      `${path}: pictures are written as JPEG or PNG; use a name that ends in .jpg, .jpeg or .png`,
    );
  });

  it("a folder that is missing, is a file, or is the target", async () => {
    const missing = await refusal(join(folder, "none/deep/out.jpg"));
    expect(missing).toBeInstanceOf(OutputError);
    expect(missing.message).toBe(
      `${join(folder, "none/deep/out.jpg")}: cannot be written: the folder ${join(folder, "none/deep")} does not exist; create it first`,
    );
    await writeFile(join(folder, "file"), "x");
    expect((await refusal(join(folder, "file/out.jpg"))).message).toMatch(
      /file is a file, not a folder; write elsewhere$/,
    );
    expect((await refusal(join(folder, "file/deep/out.jpg"))).message).toMatch(
      /cannot be written: a part of the path is a file/,
    );
    await mkdir(join(folder, "folder.jpg"));
    const target = await refusal(join(folder, "folder.jpg"));
    expect(target).toBeInstanceOf(OutputError);
    expect(target.message).toMatch(/folder\.jpg: cannot be written: is a folder; give the name of a file$/);
    expect((await refusal(`${join(folder, "x".repeat(300))}.jpg`)).message).toMatch(/the name is longer than/);
  });

  it.each([
    [undefined, /the name of the picture's file must be a path, got undefined/],
    ["", /must be a path, got ""/],
    ["a\0.jpg", /must be a path, got/],
    [7, /must be a path, got 7/],
    [new URL("https://example.org/a.jpg"), /does not name a file on this machine/],
    ["file://elsewhere/a.jpg", /does not name a file on this machine/],
    [
      "https://me:secret@example.org/a.jpg",
      /^https:\/\/me:\*\*\*@example.org\/a.jpg: does not name a file on this machine/,
    ],
    ["data:image/png;base64,AAAA", /^data:image\/png;base64,…: does not name a file/],
  ])("%j as a path", async (path, message) => {
    const error = await refusal(path as string);
    expect(error).toBeInstanceOf(OptionError);
    expect(error.message).toMatch(message);
  });

  it("the original picture, by its name, a link or a hard link", async () => {
    const own = join(folder, "own.png");
    await copyFile(PICTURE, own);
    const one = await model.detect(own, OPTIONS);
    await symlink(own, join(folder, "link.png"));
    await link(own, join(folder, "second.png"));
    for (const name of ["own.png", "link.png", "second.png"]) {
      const error = await refusal(join(folder, name), {}, one);
      expect(error).toBeInstanceOf(OptionError);
      expect(error.message).toMatch(
        /is the original picture, which would be lost; give the annotated picture another name$/,
      );
    }
    expect((await refusal(own, { picture: pathToFileURL(own) }, one)).message).toMatch(/is the original picture/);
    expect(Buffer.compare(await readFile(own), await readFile(PICTURE))).toBe(0);
  });

  it("a picture that has changed, is missing, or has another size", async () => {
    const path = join(folder, "changing.png");
    await copyFile(PICTURE, path);
    const one = await model.detect(path, OPTIONS);
    const out = join(folder, "changed.jpg");
    await utimes(path, new Date(), new Date(1e12));
    const changed = await refusal(out, {}, one);
    expect(changed).toBeInstanceOf(ImageError);
    expect(changed.message).toBe(
      `${path}: has changed since the result was made; run detect again, or pass the result's picture: result.save(path, { picture })`,
    );
    // Who gives the picture knows what it is.
    await one.save(out, { picture: path });
    await rm(out);
    expect((await refusal(out, { picture: EXAMPLE }, one)).message).toMatch(
      /codes\.png: has 1000×750 pixels, but the result is for 90×60; run detect again/,
    );
    await rm(path);
    expect((await refusal(out, {}, one)).message).toBe(`${path}: no such file; give the path of a picture`);
  });

  it("a picture from memory, unless it is passed again", async () => {
    const bytes = await readFile(PICTURE);
    const out = join(folder, "memory.png");
    const address = `data:image/png;base64,${bytes.toString("base64")}`;
    for (const source of [bytes, new Blob([bytes]), await decodeImage(bytes, {}), address]) {
      const one = await model.detect(source, OPTIONS);
      const error = await refusal(out, {}, one);
      expect(error).toBeInstanceOf(OptionError);
      expect(error.message).toBe(
        `${out}: the result's picture came from memory and is not kept; pass it again: result.save(path, { picture })`,
      );
      await one.save(out, { picture: source });
      await result.save(join(folder, "file.png"));
      expect(Buffer.compare(await readFile(out), await readFile(join(folder, "file.png")))).toBe(0);
      await rm(out);
      await rm(join(folder, "file.png"));
    }
  });

  it("a JPEG that is too wide, or an invalid quality", async () => {
    const wide = { width: 65536, height: 1, data: new Uint8Array(65536 * 3) };
    const error = await rejection(savePicture(join(folder, "wide.jpg"), wide));
    expect(error).toBeInstanceOf(ImageError);
    expect(error.message).toMatch(
      /wide\.jpg: JPEG allows at most 65535 pixels per side, .* use a name that ends in \.png$/,
    );
    await savePicture(join(folder, "wide.png"), wide);
    for (const quality of [0, 101, Number.NaN, "95"]) {
      const error = await refusal(join(folder, "q.jpg"), { quality: quality as number });
      expect(error.message).toMatch(/^quality must be 1 to 100, got /);
    }
    const raw = { width: 2, height: 2 } as RawPicture;
    expect((await rejection(savePicture(join(folder, "raw.png"), raw))).message).toMatch(
      /the picture must be \{ data, width, height \}/,
    );
  });

  it("a signal aborted before or during the call", async () => {
    const reason = new Error("enough");
    expect(await rejection(result.save(join(folder, "x.png"), { signal: AbortSignal.abort(reason) }))).toBe(reason);
    expect(await rejection(annotate(PICTURE, result, { signal: AbortSignal.abort(reason) }))).toBe(reason);
    const controller = new AbortController();
    const saving = rejection(result.save(join(folder, "x.png"), { signal: controller.signal }));
    await new Promise(setImmediate);
    controller.abort(reason);
    expect(await saving).toBe(reason);
    // What was under way ends unseen.
    await result.save(join(folder, "y.png"));
    expect(await readdir(folder)).not.toContain("x.png");
    expect((await refusal(join(folder, "x.png"), { signal: 5 as never })).message).toBe(
      "signal must be an AbortSignal, got a number",
    );
  });

  it("nothing from another realm: addresses, fonts, pixels and signals work", async () => {
    const out = join(folder, "realm.png");
    const { bytes, controller } = runInNewContext("({ bytes: Uint8Array, controller: signal })", {
      signal: new AbortController(),
    });
    const picture: Uint8Array = bytes.from(await readFile(PICTURE));
    await result.save(pathToFileURL(out), { picture, signal: controller.signal });
    await result.save(join(folder, "own.png"), { picture: pathToFileURL(PICTURE) });
    expect(Buffer.compare(await readFile(out), await readFile(join(folder, "own.png")))).toBe(0);
    const drawn = await annotate(picture, result);
    const pixels = { width: drawn.width, height: drawn.height, data: bytes.from(drawn.data) };
    await savePicture(out, pixels);
    expect(Buffer.compare(await readFile(out), await readFile(join(folder, "own.png")))).toBe(0);
  });

  it("a result whose picture cannot be read again", async () => {
    const { speed, names, input } = result;
    const plain = new DetectionResult({ width: 10, height: 10, speed, names, input }, []);
    const error = await refusal(join(folder, "x.jpg"), {}, plain as Result);
    expect(error).toBeInstanceOf(UnsupportedError);
    expect(error.message).toMatch(/savePicture\(path, await annotate\(picture, result\)\)$/);
  });
});
