/** Results that must not replace each other, names that file systems do not take, and results that cannot be written. */

import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { chmod, mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { describe, expect, test } from "vitest";
import { cutToBytes, safeName } from "../../src/cli/files/fileNames.js";
import { RunPaths } from "../../src/cli/files/runPaths.js";
import { decodeImage, encodeJpeg } from "../../src/image/index.js";
import { cli, EXAMPLE, FAST, scratchFolder, TINY } from "./support.js";

const folder = await scratchFolder();
const path = (...names: string[]): string => join(folder, ...names);
const picture = await decodeImage(await readFile(EXAMPLE), { path: EXAMPLE });
const jpeg = encodeJpeg(picture);

/** Every file below a folder. */
async function filesBelow(root: string): Promise<string[]> {
  const entries = await readdir(root, { withFileTypes: true, recursive: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
}

function pictures(name: string, files: readonly string[]): string {
  mkdirSync(path(name), { recursive: true });
  for (const file of files) {
    if (file.endsWith(".png")) copyFileSync(EXAMPLE, path(name, file));
    else writeFileSync(path(name, file), jpeg);
  }
  return path(name);
}

interface Entry {
  readonly source: string;
  readonly error?: string;
  readonly detections?: readonly unknown[];
}

async function entriesOf(json: string): Promise<Entry[]> {
  return (JSON.parse(await readFile(json, "utf8")) as { images: Entry[] }).images;
}

describe("paths of a run", () => {
  test("are never given twice, whatever the case, the form of letters, the numbers in the names or their length", () => {
    const paths = new RunPaths();
    const names = ["a", "A", "a_2", "a", "é", "e\u0301", "x".repeat(300), "x".repeat(400), "\ud800", "\ud801"];
    const given = names.map((name) => paths.claimFile("f", name, ".jpg"));
    expect(new Set(given.map((name) => Buffer.from(name).toString().normalize("NFC").toUpperCase())).size).toBe(
      names.length,
    );
    expect(given.slice(0, 4).map((name) => basename(name))).toEqual(["a.jpg", "A_2.jpg", "a_2_2.jpg", "a_3.jpg"]);
    for (const name of given) expect(Buffer.byteLength(basename(name))).toBeLessThanOrEqual(255);
  });

  test("the 12th of one picture and the 2nd of another", () => {
    const paths = new RunPaths();
    const given = ["1", "1", "12", "1", ...Array.from({ length: 12 }, () => "1"), "12", "1"].map((name) =>
      paths.claimFile("crops", name, ".jpg", ""),
    );
    expect(new Set(given).size).toBe(given.length);
    expect(given.slice(0, 4).map((name) => basename(name))).toEqual(["1.jpg", "12.jpg", "122.jpg", "13.jpg"]);
  });

  test("ten thousand of one name take no search", () => {
    const paths = new RunPaths();
    const given = Array.from({ length: 10_000 }, () => paths.claimFile("f", "a", ".txt"));
    expect(given.at(-1)).toBe(join("f", "a_10000.txt"));
  });
});

describe("names", () => {
  test("are cut in bytes, between characters", () => {
    expect(cutToBytes("abc", 2)).toBe("ab");
    expect(cutToBytes("人人", 5)).toBe("人");
    expect(cutToBytes("😀😀", 7)).toBe("😀");
    for (const name of ["人".repeat(100), "😀".repeat(100), "é".repeat(200), "a".repeat(1e6)]) {
      const safe = safeName(name, "x");
      expect(Buffer.byteLength(safe)).toBeLessThanOrEqual(255);
      expect(Buffer.byteLength(safe)).toBeGreaterThan(250);
      expect(name.startsWith(safe)).toBe(true);
    }
  });

  test("a million blanks or dots are looked at once", () => {
    for (const filler of [" ", ".", ". ", "\u3000", "_ "]) {
      expect(safeName(`${filler.repeat(1_000_000)}x`, "class3").length).toBeLessThanOrEqual(255);
      expect(safeName(`x${filler.repeat(1_000_000)}y`, "class3")).toMatch(/^x/);
    }
    expect(safeName(" ..car. ", "x")).toBe("car");
    expect(safeName("CON", "x")).toBe("_CON");
    expect(safeName("nul.txt", "x")).toBe("_nul.txt");
    expect(safeName("console", "x")).toBe("console");
  });
});

describe("results do not replace each other", () => {
  test("pictures and labels of one stem and many formats", async () => {
    const source = pictures("stems", ["a.bmp", "a.jpg", "a.png", "A.webp", "a_2.jpg"]);
    for (const [format, name] of [
      ["source", "s"],
      ["jpg", "j"],
      ["png", "p"],
    ] as const) {
      const { code, stdout } = await cli([
        "detect",
        "--source",
        source,
        ...FAST,
        "--save-txt",
        "--image-format",
        format,
        "--project",
        path("o"),
        "--name",
        name,
      ]);
      expect(code).toBe(0);
      const files = await readdir(path("o", name));
      expect(files.filter((file) => file !== "labels")).toHaveLength(5);
      const labels = await readdir(path("o", name, "labels"));
      expect(labels).toHaveLength(5);
      expect(stdout).toContain("5 labels saved");
      // Each label file beside its picture.
      expect(labels.map((label) => label.replace(/\.txt$/, "")).sort()).toEqual(
        files
          .filter((file) => file !== "labels")
          .map((file) => file.replace(/\.[^.]+$/, ""))
          .sort(),
      );
    }
  });

  test("crops show the picture without what is drawn on it", async () => {
    const source = pictures("plain", ["1.png"]);
    const [saved, kept] = [path("with"), path("without")];
    for (const [project, more] of [
      [saved, []],
      [kept, ["--nosave"]],
    ] as const) {
      const argv = ["detect", "--source", source, ...FAST, "--project", project, "--save-crop", ...more];
      expect((await cli(argv)).code).toBe(0);
    }
    const names = (await readdir(join(saved, "exp", "crops", "aruco"))).sort();
    expect(names.length).toBeGreaterThan(1);
    for (const name of names) {
      const read = (project: string) => readFile(join(project, "exp", "crops", "aruco", name));
      expect((await read(saved)).equals(await read(kept))).toBe(true);
    }
    const drawn = await decodeImage(await readFile(join(saved, "exp", "1.png")));
    expect(Buffer.from(drawn.data).equals(picture.data)).toBe(false);
  });

  test("crops: as many as boxes", async () => {
    const source = pictures("crops", ["1.jpg", "12.jpg", "122.jpg", "1.png"]);
    const json = path("crops.json");
    const { code } = await cli([
      "detect",
      "--source",
      source,
      ...FAST,
      "--save-crop",
      "--nosave",
      "--project",
      path("oc"),
      "--json",
      json,
    ]);
    expect(code).toBe(0);
    const boxes = (await entriesOf(json)).reduce((sum, { detections = [] }) => sum + detections.length, 0);
    expect(boxes).toBeGreaterThan(8);
    expect(await filesBelow(path("oc"))).toHaveLength(boxes);
  });

  test("val --save-txt", async () => {
    const root = path("data");
    for (const kind of ["images", "labels"]) await mkdir(join(root, kind), { recursive: true });
    for (const name of ["a.jpg", "a.png", "A.bmp"]) await writeFile(join(root, "images", name), jpeg);
    const { code, stdout } = await cli([
      "val",
      "--data",
      root,
      ...FAST,
      "--save-txt",
      "--noplots",
      "--project",
      path("ov"),
    ]);
    expect(code).toBe(0);
    expect(await readdir(path("ov", "exp", "labels"))).toHaveLength(3);
    expect(stdout).toContain("3 label files saved");
  });
});

describe("names at the limit of the file system", () => {
  test("a source of 251 bytes, one of 255 in Chinese: written, cut where the new ending needs it", async () => {
    const source = pictures("long", [`${"n".repeat(247)}.jpg`, `${"人".repeat(83)}ab.bmp`, "ok.jpg"]);
    const json = path("long.json");
    const { code } = await cli([
      "detect",
      "--source",
      source,
      ...FAST,
      "--save-txt",
      "--save-crop",
      "--project",
      path("ol"),
      "--json",
      json,
    ]);
    expect(code).toBe(0);
    const files = await readdir(path("ol", "exp"));
    expect(files.filter((name) => /\.jpg$/.test(name))).toHaveLength(3);
    expect(await readdir(path("ol", "exp", "labels"))).toHaveLength(3);
  });
});

describe("a result that cannot be written", () => {
  test("is an entry with its boxes and the reason; the others are written", async () => {
    const source = pictures("blocked", ["a.jpg", "b.jpg", "c.jpg"]);
    // A folder of the name that the picture would have.
    await mkdir(path("ob", "exp", "b.jpg"), { recursive: true });
    const json = path("blocked.json");
    const ndjson = path("blocked.ndjson");
    const { code, stderr, stdout } = await cli([
      ...["detect", "--source", source, ...FAST, "--exist-ok", "--project", path("ob"), "--save-txt"],
      ...["--json", json, "--ndjson", ndjson],
    ]);
    expect(code).toBe(1);
    const reason = `${path("ob", "exp", "b.jpg")}: cannot be written: is a folder; give the name of a file`;
    expect(stderr).toBe(`error: ${reason}\n`);
    expect(stdout).toContain("1 of 3 sources failed");
    const entries = await entriesOf(json);
    expect(entries.map(({ error }) => error)).toEqual([undefined, reason, undefined]);
    expect(entries[1].detections?.length).toBe(entries[0].detections?.length);
    const lines = (await readFile(ndjson, "utf8")).trim().split("\n");
    expect(lines.map((line) => (JSON.parse(line) as Entry).error)).toEqual([undefined, reason, undefined]);
    expect((await readdir(path("ob", "exp"))).sort()).toEqual(["a.jpg", "b.jpg", "c.jpg", "labels"]);
    expect(await readdir(path("ob", "exp", "labels"))).toHaveLength(3);
  });

  test("crops of one class that cannot be made", async () => {
    const source = pictures("oneclass", ["a.jpg"]);
    await mkdir(path("oo", "exp"), { recursive: true });
    await writeFile(path("oo", "exp", "crops"), "in the way");
    const json = path("oo.json");
    const { code } = await cli([
      ...["detect", "--source", source, ...FAST, "--exist-ok", "--project", path("oo"), "--save-crop", "--json", json],
    ]);
    expect(code).toBe(1);
    const [entry] = await entriesOf(json);
    expect(entry.error).toMatch(/is a file, not a folder/);
    expect(existsSync(path("oo", "exp", "a.jpg"))).toBe(true);
  });

  test("val: the figures and the JSON come all the same", async () => {
    const root = path("valdata");
    await mkdir(join(root, "images"), { recursive: true });
    for (const name of ["a.jpg", "b.jpg"]) await writeFile(join(root, "images", name), jpeg);
    await mkdir(path("vf", "exp", "labels", "a.txt"), { recursive: true });
    await mkdir(path("vf", "exp", "codes_predictions.json"), { recursive: true });
    const json = path("vf.json");
    const { code, stdout } = await cli([
      ...["val", "--data", root, ...FAST, "--save-txt", "--save-json", "--noplots", "--exist-ok"],
      ...["--project", path("vf"), "--json", json],
    ]);
    expect(code).toBe(1);
    const result = JSON.parse(await readFile(json, "utf8")) as { images: number; errors: string[] };
    expect(result.images).toBe(2);
    expect(result.errors).toHaveLength(2);
    expect(stdout).toContain("1 label files saved");
    expect(existsSync(path("vf", "exp", "labels", "b.txt"))).toBe(true);
  });

  test("val --save-json: pictures of one name in two folders are told", async () => {
    const root = path("twins");
    for (const name of ["a", "b"]) {
      await mkdir(join(root, "images", name), { recursive: true });
      await writeFile(join(root, "images", name, "x.jpg"), jpeg);
    }
    const run = ["val", ...TINY, "--save-json", "--noplots", "--project", path("twins-out")];
    expect((await cli([...run, "--data", root])).stderr).toMatch(
      /--save-json: duplicate image_id .* in 1 of the pictures \(.*b\/x\.jpg\), so their predictions cannot be/,
    );
    expect((await cli([...run, "--data", join(root, "images", "a")])).stderr).not.toContain("image_id");
  });

  test("export: one format of two", async () => {
    copyFileSync(EXAMPLE, path("x.png"));
    const weights = path("m", "codes.safetensors");
    await mkdir(path("m"));
    copyFileSync(join(EXAMPLE, "..", "..", "models", "codes.safetensors"), weights);
    await mkdir(path("m", "codes.onnx"));
    const { code, stderr } = await cli(["export", "--weights", weights, "--include", "onnx"]);
    expect(code).toBe(1);
    expect(stderr).toBe(
      `error: --output ${path("m", "codes.onnx")}: cannot be written: is a folder; give the name of a file\n`,
    );
  });
});

describe("told before the work", () => {
  const early = async (argv: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await cli(argv);
    expect(code).not.toBe(0);
    // No model was loaded for it.
    expect(stdout).toBe("");
    return stderr;
  };

  test("files that are folders, or lie below files", async () => {
    await mkdir(path("dir"));
    await writeFile(path("file"), "x");
    const source = ["--source", EXAMPLE, ...TINY];
    const data = ["--data", path("data"), ...TINY];
    const codes = ["--weights", "codes"];
    const isFolder = `${path("dir")}: cannot be written: is a folder; give the name of a file\n`;
    const below = path("file", "r.json");
    expect(await early(["detect", ...source, "--json", path("dir")])).toBe(`error: --json ${isFolder}`);
    expect(await early(["detect", ...source, "--ndjson", path("dir")])).toBe(`error: --ndjson ${isFolder}`);
    expect(await early(["val", ...data, "--json", path("dir")])).toBe(`error: --json ${isFolder}`);
    expect(await early(["compress", ...codes, ...data, "--half", "--output", path("dir")])).toBe(
      `error: --output ${isFolder}`,
    );
    expect(await early(["compress", ...codes, ...data, "--report", path("dir")])).toBe(`error: --report ${isFolder}`);
    expect(await early(["export", ...codes, "--int8", "--data", path("data"), "--output", path("dir")])).toBe(
      `error: --output ${isFolder}`,
    );
    expect(await early(["bench", "--json", below])).toBe(
      `error: --json ${below}: cannot be written: ${path("file")} is a file, not a folder; write elsewhere\n`,
    );
    expect(await early(["detect", ...source, "--json", `${path("new")}/`])).toContain("names a folder");
    expect(await early(["detect", ...source, "--json", ""])).toBe("error: --json is empty; give the name of a file\n");
    expect(await early(["detect", ...source, "--json", path("y".repeat(256))])).toContain(
      "the name is longer than the file system allows",
    );
    for (const command of ["detect", "val"]) {
      const flags = command === "val" ? data : source;
      const project = path("file", "runs");
      expect(await early([command, ...flags, "--project", project])).toBe(
        `error: --project ${join(project, "exp")}: cannot be written: ${path("file")} is a file, not a folder; write elsewhere\n`,
      );
      expect(await early([command, ...flags, "--project", path("p"), "--name", "z".repeat(300)])).toContain(
        "the name is longer than the file system allows",
      );
    }
    expect(existsSync(path("p"))).toBe(false);
  });

  test("two results in one file, or a result in the place of an input", async () => {
    const model = path("own.safetensors");
    copyFileSync(join(EXAMPLE, "..", "..", "models", "codes.safetensors"), model);
    await symlink("own.safetensors", path("link.safetensors"));
    const source = pictures("in", ["a.jpg"]);
    const flags = ["detect", "--source", join(source, "a.jpg"), "--weights", model, ...TINY];
    expect(await early([...flags, "--json", model])).toContain("is the checkpoint itself; give another name");
    expect(await early([...flags, "--json", join(source, "a.jpg")])).toContain("is what --source reads");
    // Read as one of a folder, or of no source at all: nobody means to lose it.
    pictures("in", ["a.jpg", "b.jpg"]);
    for (const option of ["--json", "--ndjson"]) {
      expect(await early(["detect", "--source", source, ...TINY, option, join(source, "b.jpg")])).toContain(
        "b.jpg is an existing picture or video; give another name",
      );
    }
    expect(await early(["val", "--data", source, "--json", join(source, "a.jpg")])).toContain(
      "is an existing picture or video",
    );
    expect(await early([...flags, "--json", path("one"), "--ndjson", path("one")])).toContain("is what --json writes");
    expect(await early(["export", "--weights", path("link.safetensors"), "--output", model])).toContain(
      "is the checkpoint itself",
    );
    expect(await early(["export", "--weights", model])).toContain("is the checkpoint itself");
  });

  test("a run's folder that is the source's: the pictures stay as they are", async () => {
    const source = pictures("own", ["a.jpg", "b.jpg"]);
    const before = readFileSync(join(source, "a.jpg"));
    const run = ["--project", path("."), "--name", "own", "--exist-ok"];
    expect((await cli(["detect", "--source", source, ...run, ...TINY])).code).toBe(0);
    expect(readFileSync(join(source, "a.jpg")).equals(before)).toBe(true);
    expect(readdirSync(source).sort()).toEqual(["a.jpg", "a_2.jpg", "b.jpg", "b_2.jpg"]);
  });

  test.skipIf(process.platform === "win32" || process.getuid?.() === 0)("a folder without permission", async () => {
    await mkdir(path("closed"));
    await chmod(path("closed"), 0o555);
    expect(await early(["detect", "--source", EXAMPLE, ...TINY, "--project", path("closed", "runs")])).toContain(
      "permission denied",
    );
  });
});

describe.skipIf(process.platform === "win32")("streams and links as results", () => {
  test("--json and --ndjson into FIFOs, --json through a link", async () => {
    const { spawn } = await import("node:child_process");
    const read = (fifo: string): Promise<string> =>
      new Promise((resolve) => {
        const child = spawn("cat", [fifo], { stdio: ["ignore", "pipe", "inherit"] });
        let text = "";
        child.stdout.on("data", (data: Buffer) => {
          text += data.toString();
        });
        child.on("close", () => resolve(text));
      });
    execFileSync("mkfifo", [path("fifo1"), path("fifo2")]);
    const [json, lines] = [read(path("fifo1")), read(path("fifo2"))];
    const flags = ["detect", "--source", EXAMPLE, ...TINY, "--nosave"];
    expect((await cli([...flags, "--json", path("fifo1"), "--ndjson", path("fifo2")])).code).toBe(0);
    expect((JSON.parse(await json) as { images: unknown[] }).images).toHaveLength(1);
    expect((await lines).trim().split("\n")).toHaveLength(1);

    await writeFile(path("real.json"), "old");
    await symlink("real.json", path("named.json"));
    expect((await cli([...flags, "--json", path("named.json")])).code).toBe(0);
    expect(await entriesOf(path("real.json"))).toHaveLength(1);
  });
});
