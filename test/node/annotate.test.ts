/** `annotate`, `save` and `savePicture` in Node: the command line's pictures, and nothing lost or guessed on the way. */

import { readFileSync } from "node:fs";
import { copyFile, link, mkdir, mkdtemp, readdir, readFile, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { inspect } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ImageError, OptionError, OutputError, UnsupportedError } from "../../src/errors.js";
import { decodeImage } from "../../src/image/index.js";
import {
  type AnnotateStyle,
  annotate,
  DetectionResult,
  encodeJpeg,
  encodePng,
  load,
  type Model,
  openLabelFont,
  type PictureSource,
  predict,
  type RawPicture,
  type Result,
  type SaveOptions,
  savePicture,
  Tracker,
  Trails,
  trackResult,
} from "../../src/node.js";
import { cli, EXAMPLE, fixture } from "../cli/support.js";
import { REPOSITORY } from "../support/reference.js";
import { rejection, withServer } from "./server.js";

const fontFile = (name: string): string => join(REPOSITORY, "test", "fixtures", "fonts", `${name}.ttf`);

let folder: string;
let model: Model<PictureSource>;
let result: Result;
const WEIGHTS = fixture("v6.pt");
const PICTURE = fixture("picture.png");
/** Random weights: scores are low. */
const OPTIONS = { imgsz: 64, conf: 0.02, maxDet: 20 };
const FLAGS = ["--weights", WEIGHTS, "--source", PICTURE, "--imgsz", "64", "--conf-thres", "0.02", "--max-det", "20"];

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

/** What `yolov5 detect` saves of one picture. */
async function savedByCli(argv: readonly string[]): Promise<Uint8Array> {
  const project = await mkdtemp(join(folder, "runs-"));
  const { code, stderr } = await cli(["detect", "--backend", "wasm", "--quiet", "--project", project, ...argv]);
  expect(stderr).toBe("");
  expect(code).toBe(0);
  const [name] = await readdir(join(project, "exp"));
  return readFile(join(project, "exp", name));
}

describe("save writes the command line's picture", () => {
  const tasks = [
    ["detection", "codes", EXAMPLE, { imgsz: 256 }],
    ["detection", WEIGHTS, PICTURE, { imgsz: 64, conf: 0.02, maxDet: 20 }],
    ["segmentation", fixture("seg.pt"), PICTURE, { imgsz: 64, conf: 0.02, maxDet: 20 }],
    ["classification", fixture("cls.pt"), PICTURE, { imgsz: 64 }],
  ] as const;
  const flags = (options: { readonly imgsz: number; readonly conf?: number; readonly maxDet?: number }): string[] => [
    ...["--imgsz", String(options.imgsz)],
    ...(options.conf === undefined ? [] : ["--conf-thres", String(options.conf)]),
    ...(options.maxDet === undefined ? [] : ["--max-det", String(options.maxDet)]),
  ];

  it.each(tasks)("%s (%s)", async (_, weights, source, options) => {
    const own = await load(weights, { backend: "wasm" });
    const one = await own.detect(source, options);
    for (const [format, name] of [
      ["png", "out.png"],
      ["jpg", "out.jpg"],
      ["jpg", "OUT.JPEG"],
    ]) {
      const path = join(folder, name);
      expect(await one.save(path)).toBeUndefined();
      const argv = ["--weights", weights, "--source", source, "--image-format", format, ...flags(options)];
      expect(Buffer.compare(await readFile(path), await savedByCli(argv)), name).toBe(0);
    }
    own.dispose();
  });

  it("with its drawing options", async () => {
    const path = join(folder, "styled.png");
    await result.save(path, { lineThickness: 5, hideConf: true });
    const argv = [...FLAGS, "--line-thickness", "5", "--hide-conf"];
    expect(Buffer.compare(await readFile(path), await savedByCli(argv))).toBe(0);
    await result.save(path, { hideLabels: true });
    const plain = await savedByCli([...FLAGS, "--hide-labels"]);
    expect(Buffer.compare(await readFile(path), plain)).toBe(0);
  });

  it("and so do annotate with savePicture, and its encoders", async () => {
    const [one, two, bytes] = [join(folder, "one.jpg"), join(folder, "two.jpg"), await readFile(PICTURE)];
    await result.save(one);
    const drawn = await annotate(bytes, result);
    await savePicture(pathToFileURL(two), drawn);
    const saved = await readFile(one);
    expect(Buffer.compare(await readFile(two), saved)).toBe(0);
    expect(Buffer.compare(encodeJpeg(drawn), saved)).toBe(0);
    const lossless = await decodeImage(encodePng(drawn), {});
    expect(Buffer.compare(lossless.data, drawn.data)).toBe(0);
  });

  it("of lists, predictions, filtered and tracked results", async () => {
    const path = join(folder, "list.png");
    await result.save(path);
    const expected = await readFile(path);
    const [, second] = await model.detect([EXAMPLE, PICTURE], OPTIONS);
    const predicted = (await predict(model, PICTURE, OPTIONS)).result(OPTIONS);
    const byAddress = await model.detect(pathToFileURL(PICTURE), OPTIONS);
    const sameAgain = byAddress.filter(() => true).map((detection) => detection);
    for (const one of [second, predicted, byAddress, sameAgain]) {
      await one.save(path);
      expect(Buffer.compare(await readFile(path), expected)).toBe(0);
    }
    const tracked = trackResult(new Tracker(), result);
    await tracked.save(path, { color: "class", label: (d) => `${d.name} ${d.confidence.toFixed(2)}` });
    expect(Buffer.compare(await readFile(path), expected)).toBe(0);
  });

  it("of an address, read again with its password, which the result does not show", async () => {
    const asked: string[] = [];
    const path = join(folder, "remote.png");
    await withServer(
      (request, response) => {
        asked.push(String(request.headers.authorization));
        response.end(readFileSync(PICTURE));
      },
      async (url) => {
        const one = await model.detect(`${url.replace("http://", "http://me:secret@")}/codes.png`, OPTIONS);
        await one.save(path);
        expect(JSON.stringify(one) + inspect(one, { depth: 9 })).not.toContain("secret");
      },
    );
    await result.save(join(folder, "local.png"));
    expect(Buffer.compare(await readFile(path), await readFile(join(folder, "local.png")))).toBe(0);
    const login = `Basic ${Buffer.from("me:secret").toString("base64")}`;
    expect(asked).toEqual([login, login]);
  });
});

describe("save refuses in one line", () => {
  const refusal = async (path: string | URL, options?: SaveOptions, one: Result = result) => {
    const before = await readdir(folder, { recursive: true });
    const error = await rejection(one.save(path, options));
    expect(error.message).not.toContain("\n");
    expect(await readdir(folder, { recursive: true })).toEqual(before);
    return error;
  };

  it.each(["out.webp", "out.gif", "out", "out.jpg.txt", ".png", "jpg"])("the ending of %s", async (name) => {
    const path = join(folder, name);
    const error = await refusal(path);
    expect(error).toBeInstanceOf(OptionError);
    expect(error.message).toBe(
      `${path}: pictures are written as JPEG or PNG; use a name that ends in .jpg, .jpeg or .png`,
    );
  });

  it("a folder that is not there, is a file, or is the target", async () => {
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
  ])("%j for a path", async (path, message) => {
    const error = await refusal(path as string);
    expect(error).toBeInstanceOf(OptionError);
    expect(error.message).toMatch(message);
  });

  it("the picture itself, by its name, a link and a second name", async () => {
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

  it("a picture that has changed, is gone, or has another size", async () => {
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

  it("a picture from memory, unless it is given", async () => {
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

  it("a JPEG that is too wide, a quality that is none", async () => {
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

  it("a signal that is aborted, before the call and in it", async () => {
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

  it("not of another realm: its addresses, fonts, pixels and signals work", async () => {
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

  it("a result that nobody can read the picture of", async () => {
    const { speed, names, input } = result;
    const plain = new DetectionResult({ width: 10, height: 10, speed, names, input }, []);
    const error = await refusal(join(folder, "x.jpg"), {}, plain as Result);
    expect(error).toBeInstanceOf(UnsupportedError);
    expect(error.message).toMatch(/savePicture\(path, await annotate\(picture, result\)\)$/);
  });
});

describe("what save writes", () => {
  it("replaces a file whole, keeps its permissions, follows a link, and leaves no temporary file", async () => {
    const inside = await mkdtemp(join(folder, "in-"));
    await writeFile(join(inside, "old.png"), "old", { mode: 0o600 });
    await symlink(join(inside, "old.png"), join(inside, "link.png"));
    await result.save(join(inside, "link.png"));
    expect((await readdir(inside)).sort()).toEqual(["link.png", "old.png"]);
    const decoded = await decodeImage(await readFile(join(inside, "old.png")), {});
    expect([decoded.width, decoded.height]).toEqual([result.width, result.height]);
  });

  it("relative paths are those of the time of detect", async () => {
    const here = process.cwd();
    const inside = await mkdtemp(join(folder, "cwd-"));
    await copyFile(PICTURE, join(inside, "codes.png"));
    try {
      process.chdir(inside);
      const one = await model.detect("codes.png", OPTIONS);
      process.chdir(folder);
      await one.save("relative.png");
    } finally {
      process.chdir(here);
    }
    await result.save(join(folder, "absolute.png"));
    expect(
      Buffer.compare(await readFile(join(folder, "relative.png")), await readFile(join(folder, "absolute.png"))),
    ).toBe(0);
  });

  it("a result keeps nothing of a picture from memory", async () => {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    const detect = async (): Promise<[Result, WeakRef<object>]> => {
      const picture = await decodeImage(await readFile(PICTURE), {});
      return [await model.detect(picture, OPTIONS), new WeakRef(picture.data)];
    };
    const [one, pixels] = await detect();
    for (let i = 0; i < 50 && pixels.deref(); i++) {
      await new Promise((resolve) => setTimeout(resolve, 10));
      collect();
    }
    expect(pixels.deref()).toBeUndefined();
    expect(one.detections.length).toBe(result.detections.length);
  });
});

describe("annotate", () => {
  const sheet = (width: number, height: number, channels = 3): RawPicture => ({
    width,
    height,
    data: new Uint8Array(width * height * channels).fill(100),
  });
  const facts = {
    width: 40,
    height: 30,
    input: [1, 3, 32, 32],
    speed: { preprocess: 0, inference: 0, postprocess: 0 },
  };
  const detection = { xmin: 10, ymin: 10, xmax: 30, ymax: 20, confidence: 0.9, class: 0, name: "box" };
  const one = new DetectionResult({ ...facts, names: ["box"] }, [detection]);
  const pixel = ({ width, data }: { width: number; data: ArrayLike<number> }, x: number, y: number): number[] =>
    [0, 1, 2].map((c) => data[(y * width + x) * 3 + c]);

  it("draws on a copy, of RGB, RGBA and grey alike, and at another size", async () => {
    const rgb = sheet(40, 30);
    const style = { lineThickness: 2, hideLabels: true } as const;
    const drawn = await annotate(rgb, one, style);
    expect(rgb.data.every((value) => value === 100)).toBe(true);
    expect(Object.keys(drawn).sort()).toEqual(["data", "height", "width"]);
    expect(pixel(drawn, 10, 15)).toEqual([255, 56, 56]);
    expect(pixel(drawn, 12, 15)).toEqual([100, 100, 100]);
    for (const channels of [1, 4]) {
      expect(Buffer.compare((await annotate(sheet(40, 30, channels), one, style)).data, drawn.data)).toBe(0);
    }
    const large = await annotate(sheet(80, 90), one, style);
    expect(pixel(large, 20, 45)).toEqual([255, 56, 56]);
    expect(pixel(large, 23, 45)).toEqual([100, 100, 100]);
    expect(pixel(large, 60, 45)).toEqual([255, 56, 56]);
  });

  it("colours by class, by track and by rule; labels by rule; opacity; boxes hidden", async () => {
    const tracked = one.map(() => ({ track: 3 }));
    const at = async (style: AnnotateStyle, of: Result = tracked): Promise<number[]> =>
      pixel(await annotate(sheet(40, 30), of, { hideLabels: true, lineThickness: 2, ...style }), 10, 15);
    expect(await at({})).toEqual([255, 178, 29]);
    expect(await at({ color: "track" }, one)).toEqual([255, 56, 56]);
    expect(await at({ color: "class" })).toEqual([255, 56, 56]);
    expect(await at({ color: ({ confidence }, index) => [confidence > 0.5 ? 1 : 0, 2, index] })).toEqual([1, 2, 0]);
    expect(await at({ opacity: 0.5, color: () => [200, 0, 0] })).toEqual([150, 50, 50]);
    expect(await at({ hideBoxes: true })).toEqual([100, 100, 100]);
    expect(await at({ hideBoxes: true, trails: new Trails().update([{ id: 3, x: 0, y: 0 }]) })).toEqual([
      100, 100, 100,
    ]);
    const trail = { id: 3, points: [0, 15, 40, 15] };
    expect(await at({ hideBoxes: true, trails: [trail] })).toEqual([255, 178, 29]);
    const named = await annotate(sheet(90, 60), one, { label: () => undefined });
    const unnamed = await annotate(sheet(90, 60), one, { hideLabels: true });
    expect(Buffer.compare(named.data, unnamed.data)).toBe(0);
  });

  it("names in other scripts with a font, else their numbers", async () => {
    const korean = new DetectionResult({ ...facts, names: ["한국어"] }, [{ ...detection, name: "한국어" }]);
    const none = await openLabelFont(korean.names, { candidates: async () => [] });
    const some = await openLabelFont(korean.names, { candidates: async () => [fontFile("hangul")] });
    const [numbered, named] = [none, some].map((font) => annotate(sheet(200, 150), korean, { font }));
    const asNumber = one.map(() => ({ name: "0" }));
    const expected = await annotate(sheet(200, 150), asNumber);
    expect(Buffer.compare((await numbered).data, expected.data)).toBe(0);
    expect(Buffer.compare((await named).data, expected.data)).not.toBe(0);
  });

  it("takes bytes as they are at the time of the call", async () => {
    const raw = sheet(40, 30);
    const drawing = annotate(raw, one, { hideLabels: true });
    raw.data.fill(0);
    expect(pixel(await drawing, 0, 0)).toEqual([100, 100, 100]);
  });

  it.each([
    ["lineThickness", { lineThickness: 0 }, /^lineThickness must be 1 to 10000 pixels, got 0$/],
    ["lineThickness", { lineThickness: "3" }, /^lineThickness must be 1 to 10000 pixels, got "3"$/],
    ["fontSize", { fontSize: Number.POSITIVE_INFINITY }, /^fontSize must be 1 to 10000 pixels, got Infinity$/],
    ["maskAlpha", { maskAlpha: 2 }, /^maskAlpha must be between 0 and 1, got 2$/],
    ["opacity", { opacity: -1 }, /^opacity must be between 0 and 1/],
    ["hideLabels", { hideLabels: "no" }, /^hideLabels must be true or false, got "no"$/],
    ["color", { color: "red" }, /^color must be "class", "track" or a function of a detection, got "red"$/],
    ["color", { color: () => [1, 2] }, /^color must return \[red, green, blue\], each 0 to 255, got \[1, 2\]$/],
    ["color", { color: () => [1, 2, 300] }, /^color must return/],
    ["label", { label: "x" }, /^label must be a function that returns a string for a detection, got "x"$/],
    ["trails", { trails: {} }, /^trails must be a list/],
    ["font", { font: "arial.ttf" }, /^font must be a font returned by openLabelFont, got "arial.ttf"$/],
    ["fontFamily", { fontFamily: "" }, /^fontFamily must be a CSS font family/],
    ["area", { area: { x: 0, y: 0, width: 0, height: 5 } }, /^area must be \{ x, y, width, height \} in pixels/],
    ["a style", null, /^the style must be an object/],
  ])("refuses %s of %o", async (_, style, message) => {
    const error = await rejection(annotate(sheet(40, 30), one, style as AnnotateStyle));
    expect(error).toBeInstanceOf(OptionError);
    expect(error.message).toMatch(message);
  });

  it.each([
    ["nothing", undefined],
    ["null", null],
    ["a list", [one]],
    ["a size alone", { width: 4, height: 4 }],
    ["JSON without its task", { width: 4, height: 4, top5: [] }],
    ["a text", "boxes"],
  ])("refuses %s for a result", async (_, wrong) => {
    const error = await rejection(annotate(sheet(40, 30), wrong as unknown as Result));
    expect(error).toBeInstanceOf(OptionError);
    expect(error.message).toMatch(/^annotate: the result must be one returned by model\.detect/);
  });

  it("refuses what is no picture", async () => {
    expect(await rejection(annotate("no-such.png", one))).toBeInstanceOf(ImageError);
    expect(await rejection(annotate(null as unknown as string, one))).toBeInstanceOf(ImageError);
    expect((await rejection(annotate(PICTURE, one, { maxPixels: 100 }))).message).toMatch(/picture\.png: /);
  });
});
