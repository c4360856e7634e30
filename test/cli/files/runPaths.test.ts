/** Paths of a run: none twice, and names that file systems accept. */

import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { describe, expect, test } from "vitest";
import { cutToBytes, safeName } from "../../../src/cli/files/fileNames.js";
import { RunPaths } from "../../../src/cli/files/runPaths.js";
import { decodeImage, encodeJpeg } from "../../../src/image/index.js";
import { cli, EXAMPLE, FAST, scratchFolder } from "../support.js";

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

describe("paths of a run", () => {
  test("are unique regardless of case, Unicode form, numbers in the names and length", () => {
    const paths = new RunPaths();
    const names = ["a", "A", "a_2", "a", "é", "e\u0301", "x".repeat(300), "x".repeat(400), "\ud800", "\ud801"];
    const given = names.map((name) => paths.claimFile("f", name, ".jpg"));
    expect(new Set(given.map((name) => Buffer.from(name).toString().normalize("NFC").toUpperCase())).size).toBe(
      names.length,
    );
    expect(given.slice(0, 4).map((name) => basename(name))).toEqual(["a.jpg", "A_2.jpg", "a_2_2.jpg", "a_3.jpg"]);
    for (const name of given) expect(Buffer.byteLength(basename(name))).toBeLessThanOrEqual(255);
  });

  test("of the 12th crop of one picture and the 2nd of another differ", () => {
    const paths = new RunPaths();
    const given = ["1", "1", "12", "1", ...Array.from({ length: 12 }, () => "1"), "12", "1"].map((name) =>
      paths.claimFile("crops", name, ".jpg", ""),
    );
    expect(new Set(given).size).toBe(given.length);
    expect(given.slice(0, 4).map((name) => basename(name))).toEqual(["1.jpg", "12.jpg", "122.jpg", "13.jpg"]);
  });

  test("with the same name are found without searching, even ten thousand", () => {
    const paths = new RunPaths();
    const given = Array.from({ length: 10_000 }, () => paths.claimFile("f", "a", ".txt"));
    expect(given.at(-1)).toBe(join("f", "a_10000.txt"));
  });
});

describe("names", () => {
  test("are cut by bytes, between characters", () => {
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

  test("of a million blanks or dots take linear time", () => {
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
describe("names at the limit of the file system", () => {
  test("sources of 251 bytes, and of 255 in Chinese, are written, cut only if the new extension needs it", async () => {
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
