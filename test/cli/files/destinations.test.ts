/** Destinations that are checked before the work, and streams and links as destinations. */

import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { chmod, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { decodeImage, encodeJpeg } from "../../../src/image/index.js";
import { cli, EXAMPLE, scratchFolder, TINY } from "../support.js";

const folder = await scratchFolder();
const path = (...names: string[]): string => join(folder, ...names);
const picture = await decodeImage(await readFile(EXAMPLE), { path: EXAMPLE });
const jpeg = encodeJpeg(picture);

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

describe("destinations checked beforehand", () => {
  const early = async (argv: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await cli(argv);
    expect(code).not.toBe(0);
    // No model was loaded for it.
    expect(stdout).toBe("");
    return stderr;
  };

  test("files that are folders, or are below files", async () => {
    await mkdir(path("dir"));
    for (const kind of ["images", "labels"]) await mkdir(path("data", kind), { recursive: true });
    await writeFile(path("data", "images", "a.jpg"), jpeg);
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

  test("two results in one file, or a result that would replace an input", async () => {
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

  test("a run's folder that is also the source's: the pictures stay as they are", async () => {
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
  test("--json and --ndjson write into FIFOs, --json through a link", async () => {
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
