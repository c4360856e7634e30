/** Lists, labels, YAML and JSON as other tools and systems write them: read, or refused with the true reason. */

import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { atOnce } from "../../src/breathe.js";
import { expandSources } from "../../src/cli/detect/sources/sources.js";
import { readYaml } from "../../src/cli/options/yamlFile.js";
import { cocoAnnotations } from "../../src/eval/dataset/cocoJson.js";
import { encodePng } from "../../src/image/index.js";
import { openDataset } from "../../src/node/datasets/open.js";
import { decodeText } from "../../src/node/files/textFile.js";
import { parseYaml } from "../../src/node/files/yamlText.js";
import { normalizeNames } from "../../src/yolov5/checkpoint/names.js";

let root = "";
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "foreign-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

const PNG = encodePng({ width: 20, height: 20, data: new Uint8Array(1200) });
const NAMES = ["cat", "dog"];

async function write(files: Readonly<Record<string, string | Uint8Array>>, folder: string): Promise<string> {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, folder, name)), { recursive: true });
    await writeFile(join(root, folder, name), content);
  }
  return join(root, folder);
}

function utf16(text: string, order: "LE" | "BE", mark: boolean): Uint8Array {
  const bytes = Buffer.from((mark ? "\ufeff" : "") + text, "utf16le");
  return order === "LE" ? bytes : bytes.swap16();
}

describe("UTF-16", () => {
  const FORMS = [
    ["LE", true],
    ["BE", true],
    ["LE", false],
    ["BE", false],
  ] as const;

  test.each(FORMS)("%s, mark %s: lists, labels, YAML and JSON are read", async (order, mark) => {
    const as = (text: string): Uint8Array => utf16(text, order, mark);
    const coco = {
      images: [{ id: 1, file_name: "images/a.png", width: 20, height: 20 }],
      annotations: [{ image_id: 1, category_id: 1, bbox: [5, 5, 10, 10] }],
      categories: [{ id: 1, name: "dog" }],
    };
    const folder = await write(
      {
        "images/a.png": PNG,
        "labels/a.txt": as("1 0.5 0.5 0.1 0.1\r\n"),
        "list.txt": as("images/a.png\r\n"),
        "data.yaml": as('val: images\r\nnames: ["猫", dog]\r\n'),
        "coco.json": as(JSON.stringify(coco)),
      },
      `utf16${order}${mark}`,
    );
    for (const name of ["list.txt", "data.yaml", "coco.json"]) {
      const { samples } = await openDataset(join(folder, name), { names: NAMES });
      expect([name, ...samples.map(({ truth }) => Array.from(truth.classes))]).toEqual([name, [1]]);
    }
    expect(await readYaml(join(folder, "data.yaml"), "--data")).toMatchObject({ names: ["猫", "dog"] });
    expect(await expandSources([join(folder, "list.txt")], {})).toEqual([{ source: join(folder, "images/a.png") }]);
  });

  test("UTF-8 is read with and without a mark", () => {
    expect(decodeText(Buffer.from("\ufeff猫\n"))).toBe("猫\n");
    expect(decodeText(Buffer.from("猫"))).toBe("猫");
    expect(decodeText(new Uint8Array(0))).toBe("");
  });
});

describe("YAML", () => {
  test.each([
    ["base: &b\n  path: ds\n<<: *b\nval: v\n", { base: { path: "ds" }, path: "ds", val: "v" }],
    ["a: &a {x: 1}\nb: &b {x: 2, y: 3}\nc:\n  <<: [*a, *b]\n", { a: { x: 1 }, b: { x: 2, y: 3 }, c: { x: 1, y: 3 } }],
    ["a: &a {x: 1}\nc:\n  x: 5\n  <<: *a\n", { a: { x: 1 }, c: { x: 5 } }],
    ["n: &n [a, b]\nnames: *n\n", { n: ["a", "b"], names: ["a", "b"] }],
    // PyYAML takes the last of a key, and every kind of line end.
    ["val: a\nval: b\n", { val: "b" }],
    ["names:\n  0: a\n  0: b\n  1: c\n", { names: { 0: "b", 1: "c" } }],
    ["a: &a {x: 1}\nb: &b {y: 2}\n<<: *a\n<<: *b\n", { a: { x: 1 }, b: { y: 2 }, x: 1, y: 2 }],
    ["val: a\rnames: [x]\r", { val: "a", names: ["x"] }],
    ["val: a\r\nnames:\r\n  - x\r\n", { val: "a", names: ["x"] }],
    ["%YAML 1.1\n---\nval: a\n", { val: "a" }],
  ])("is read as PyYAML reads it: %j", (text, expected) => {
    expect(parseYaml(text)).toEqual(expected);
  });

  test("booleans in names are read as in PyYAML: an unquoted class name no is False", async () => {
    const words = "yes, No, ON, off, true, False, y, n, 'no', \"on\", nO, none";
    const { names } = parseYaml(`names: [${words}]`) as { names: unknown };
    expect(names).toEqual([true, false, true, false, true, false, "y", "n", "no", "on", "nO", "none"]);
    expect(normalizeNames(names, 12)).toEqual(
      ["True", "False", "True", "False", "True", "False", "y", "n", "no", "on", "nO", "none"], // Python's str()
    );
    expect(parseYaml("names: {0: no, 1: !!str no}")).toEqual({ names: { 0: false, 1: "no" } });
    // A description with such names opens, under the names that YOLOv5 shows.
    const folder = await write({ "data.yaml": "path: .\nval: images\nnames: {0: no, 1: dog}\n" }, "truth");
    const { names: read } = (await readYaml(join(folder, "data.yaml"), "--data")) as { names: unknown };
    expect(normalizeNames(read, 2)).toEqual(["False", "dog"]);
  });

  test("numbers are not read as in YAML 1.1", () => {
    expect(parseYaml("a: [010, 1:30, 2020-01-01, 1_000]")).toEqual({ a: [10, "1:30", "2020-01-01", "1_000"] });
  });

  test.each([
    ["merge of a text", "<<: text\n"],
    ["unknown anchor", "a: *none\n"],
    ["nested deeply", "[".repeat(100_000)],
    ["lists in lists", "- ".repeat(100_000)],
    ["aliases of aliases", bomb()],
    ["tabs for blanks", "names:\n\t- a\n"],
  ])("%s is one line", async (name, text) => {
    const folder = await write({ "data.yaml": text }, `yaml ${name}`);
    const file = join(folder, "data.yaml");
    const opened = openDataset(file, { names: NAMES });
    await expect(opened).rejects.toMatchObject({
      code: "DATASET",
      message: expect.stringMatching(/data\.yaml: is .*/),
    });
    await expect(readYaml(file, "--data")).rejects.toThrow(/^--data [^\n]*data\.yaml: is [^\n]*$/);
  });
});

test("YAML nested by indentation alone is nested too deeply, not a fault of the text", () => {
  const text = Array.from({ length: 1400 }, (_, depth) => `${" ".repeat(depth)}b:\n`).join("");
  expect(() => parseYaml(text)).toThrow(/^is nested too deeply$/);
});

test("YAML with several documents or an empty path is handled", async () => {
  expect(() => parseYaml("a: 1\n---\nb: 2\n")).toThrow(/^contains several documents; keep the right one/);
  const folder = await write({ "images/a.png": PNG, "data.yaml": "path:\nval: images\n" }, "yaml path");
  expect((await openDataset(join(folder, "data.yaml"), { names: NAMES })).samples).toHaveLength(1);
});

describe("lists in other encodings, and with comments", () => {
  // "照片.png", and "é.png".
  const ENCODED = [
    ["GBK", "d5d5c6ac2e706e670a"],
    ["Latin-1", "e92e706e670d0a"],
  ] as const;

  test.each(ENCODED)("%s: the message says that the list is not UTF-8", async (name, hex) => {
    const files = { "照片.png": PNG, "é.png": PNG, "list.txt": Buffer.from(`0a${hex}`, "hex") };
    const list = join(await write(files, `list ${name}`), "list.txt");
    const reason = /list\.txt:2: .*\.png: the line is not UTF-8; save the list as UTF-8, and rename .*convmv/;
    await expect(openDataset(list, { names: NAMES })).rejects.toThrow(reason);
    expect((await expandSources([list], {}))[0].error).toMatch(reason);
  });

  test("UTF-32 is named, instead of blaming permissions", async () => {
    const list = join(await write({ "list.txt": Buffer.from("fffe0000610000000a000000", "hex") }, "utf32"), "list.txt");
    for (const { error } of await expandSources([list], {})) {
      expect(error).toMatch(/file names cannot contain zero bytes; save lists as UTF-8 or UTF-16/);
    }
  });

  test("comments and blanks are skipped by every command", async () => {
    const files = { "a.png": PNG, "list.txt": "\ufeff# two\n\n  ./a.png\t \n #end" };
    const list = join(await write(files, "comments"), "list.txt");
    expect((await openDataset(list, { names: NAMES })).samples).toHaveLength(1);
    expect(await expandSources([list], {})).toHaveLength(1);
  });
});

test("circular links and overlong names are reported with the system's reason", async () => {
  const folder = await write({ "x.txt": "" }, "reasons");
  await symlink(join(folder, "circle.png"), join(folder, "circle.png"));
  const sources = [join(folder, "circle.png"), join(folder, `${"n".repeat(300)}.png`)];
  const items = await expandSources(sources, {});
  expect(items[0].error).toMatch(/circle\.png: cannot be read: its symbolic links form a loop$/);
  expect(items[1].error).toMatch(/n\.png: cannot be read: the name is longer than the file system allows$/);
});

function bomb(): string {
  const lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"];
  for (let i = 1; i < 9; i++) lines.push(`a${i}: &a${i} [${Array.from({ length: 9 }, () => `*a${i - 1}`).join(", ")}]`);
  return lines.join("\n");
}

describe("COCO categories that no annotation uses", () => {
  const content = (categories: readonly object[], used: readonly number[]) => ({
    images: [{ id: 1, file_name: "a.png", width: 20, height: 20 }],
    annotations: used.map((id) => ({ image_id: 1, category_id: id, bbox: [5, 5, 10, 10] })),
    categories,
  });
  const ROBOFLOW = [
    { id: 0, name: "pets", supercategory: "none" },
    { id: 1, name: "cat", supercategory: "pets" },
    { id: 2, name: "dog", supercategory: "pets" },
  ];
  const classes = (categories: readonly object[], used: readonly number[], names = NAMES): number[] =>
    atOnce(cocoAnnotations(content(categories, used), names, "x.json")).pictures.flatMap(({ truth }) => [
      ...truth.classes,
    ]);

  test("Roboflow's category 0 is ignored, by name and by order", () => {
    expect(classes(ROBOFLOW, [2, 1])).toEqual([1, 0]);
    expect(classes(ROBOFLOW, [2, 1], ["katze", "hund"])).toEqual([1, 0]);
    expect(classes(ROBOFLOW, [2], ["katze", "hund"])).toEqual([1]);
  });

  test("an unused category without a supercategory is ignored anywhere", () => {
    const plain = [
      { id: 1, name: "cat" },
      { id: 2, name: "unused" },
      { id: 3, name: "dog" },
    ];
    expect(classes(plain, [3, 1])).toEqual([1, 0]);
    expect(classes(plain, [3, 1], ["katze", "hund"])).toEqual([1, 0]);
  });

  test("a category 0 that is in use is refused with the numbers", () => {
    expect(() => classes(ROBOFLOW, [0, 1, 2])).toThrow(/has 3 categories, the model 2 classes.*"pets"/);
  });
});

// Other systems refuse such names when they are made.
describe.runIf(process.platform === "linux")("names that are not UTF-8, pipes and devices", () => {
  const NOT_UTF8 = /its name is not UTF-8; rename it.*convmv|list\.txt:1: .* is not UTF-8; save the list.*convmv/;
  const bytes = (...parts: readonly (string | Buffer)[]): Buffer =>
    Buffer.concat(parts.map((part) => Buffer.from(part)));
  const GBK = Buffer.from([0xd5, 0xd5, 0xc6, 0xac]);

  test("a picture is reported with the reason, and the others are read", async () => {
    const folder = await write({ "a.png": PNG }, "gbk");
    await writeFile(bytes(folder, "/", GBK, ".png"), PNG);
    const warnings: string[] = [];
    const { samples } = await openDataset(folder, { names: NAMES, onWarning: (text) => warnings.push(text) });
    expect(samples.length).toBe(1);
    expect(warnings[0]).toMatch(NOT_UTF8);
    const { readPicture } = await import("../../src/cli/detect/sources/readPicture.js");
    const items = await expandSources([folder], {});
    const { signal } = new AbortController();
    await expect(readPicture(items[1].source, { signal })).rejects.toThrow(NOT_UTF8);
  });

  test("a folder, a list entry and an argument are reported", async () => {
    const folder = await write({ "a.png": PNG, "list.txt": bytes(GBK, ".png\n") }, "gbk2");
    await mkdir(bytes(folder, "/", GBK));
    await expect(openDataset(folder, { names: NAMES })).rejects.toThrow(NOT_UTF8);
    const items = await expandSources([join(folder, "list.txt"), `${folder}/\ufffd.png`], {});
    expect(items.map(({ error }) => error)).toEqual([1, 2].map(() => expect.stringMatching(NOT_UTF8)));
  });

  test("pipes and devices are not waited for", async () => {
    const folder = await write(
      { "a.png": PNG, "l.txt": `${root}/pipes/p.png\nfile://host/x.png\nfile:///%zz\na.png\n` },
      "pipes",
    );
    for (const name of ["p.png", "list.txt", "labels.png"]) execFileSync("mkfifo", [join(folder, name)]);
    execFileSync("ln", ["-s", "/dev/zero", join(folder, "z.png")]);
    for (const source of [folder, join(folder, "*.png")]) {
      expect((await expandSources([source], {})).map((item) => item.source)).toEqual([join(folder, "a.png")]);
    }
    const endless = ["p.png", "list.txt", "z.png"].map((name) => join(folder, name));
    for (const item of await expandSources(endless, {})) expect(item.error).toMatch(/is a pipe or a device/);
    const items = await expandSources([join(folder, "l.txt")], {});
    expect(items.map(({ error }) => error !== undefined)).toEqual([true, true, true, false]);
    const { cli } = await import("../cli/support.js");
    for (const argv of [
      ["val", "--data", endless[1]],
      ["detect", "--cfg", endless[0], "--source", endless[0]],
    ]) {
      const { code, stderr } = await cli([...argv, "--backend", "cpu"]);
      expect([code, stderr]).toEqual([1, expect.stringMatching(/is a pipe or a device, not a file/)]);
      expect(stderr).not.toContain("internal error");
    }
    const { openWeights } = await import("../../src/node/weightSource.js");
    for (const path of endless) await expect(openWeights(path)).rejects.toThrow(/is a pipe or a device/);
  });
});
