/** Class names in scripts that the built-in letters lack: drawn by fonts found here, or their numbers are. */

import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { describe, expect, it } from "vitest";
import { Canvas, canDraw, drawAnnotations, drawableName, type Font, textWidth } from "../../../src/image/index.js";
import { openLabelFont } from "../../../src/node/pictures/labelFont.js";
import { systemFonts } from "../../../src/node/pictures/systemFonts.js";
import { cli, EXAMPLE, FAST, scratchFolder } from "../../cli/support.js";
import { sha256 } from "../../image/support.js";
import { REPOSITORY } from "../../support/reference.js";

const folder = await scratchFolder();
const fontFile = (name: string): string => join(REPOSITORY, "test", "fixtures", "fonts", `${name}.ttf`);
const both = async (): Promise<string[]> => [fontFile("arabic"), fontFile("hangul")];
const none = async (): Promise<string[]> => [];

/** A label on grey, as a hash. */
function drawn(font: Font, label: string): string {
  const image = { width: 200, height: 60, data: new Uint8Array(200 * 60 * 3).fill(99) };
  const canvas = new Canvas(image, font);
  drawAnnotations(canvas, [{ xyxy: [5, 40, 190, 55], color: [255, 56, 56], label }]);
  return sha256(canvas.image.data);
}

/** A model whose four class names are others. */
async function modelNamed(file: string, names: readonly string[]): Promise<string> {
  const bytes = await readFile(join(REPOSITORY, "models", "codes.safetensors"));
  const length = Number(bytes.readBigUInt64LE(0));
  let header = bytes.subarray(8, 8 + length).toString();
  for (const [i, old] of ["qr_code", "barcode", "aruco", "data_matrix"].entries())
    header = header.replaceAll(old, names[i]);
  const text = Buffer.from(header);
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(text.length));
  const path = join(folder, file);
  await writeFile(path, Buffer.concat([size, text, bytes.subarray(8 + length)]));
  return path;
}

describe("names in other scripts", () => {
  it("are drawn with fonts that have their letters, each its own", async () => {
    const warnings: string[] = [];
    const names = ["한국어", "人", "車", "عربي"];
    const font = await openLabelFont(names, { candidates: both, onWarning: (text) => warnings.push(text) });
    expect(warnings).toEqual([]);
    expect(names.map((name, i) => drawableName(font, name, i))).toEqual(names);
    expect(new Set(names.map((name) => drawn(font, `${name} 0.95`))).size).toBe(4);
    // The same each time.
    const again = await openLabelFont(names, { candidates: both });
    for (const name of names) expect(drawn(again, `${name} 0.95`)).toBe(drawn(font, `${name} 0.95`));
  });

  it("are joined and run right to left in Arabic", async () => {
    const font = await openLabelFont(["عربي"], { candidates: both });
    const apart = Array.from("عربي").reduce((sum, letter) => sum + textWidth(font, letter, 100), 0);
    expect(textWidth(font, "عربي", 100)).toBeLessThan(apart * 0.95);
    // A number between two words stands between them, the first word to its right.
    expect(textWidth(font, "عربي 12 عربي", 100)).toBeCloseTo(
      2 * textWidth(font, "عربي", 100) + textWidth(font, " 12 ", 100),
      0,
    );
    expect(drawn(font, "عربي 12 ع")).not.toBe(drawn(font, "ع 12 عربي"));
  });

  it("become class numbers if no font has them, with one warning", async () => {
    const warnings: string[] = [];
    const names = ["plain", "二维码", "人", "😀"];
    const font = await openLabelFont(names, { candidates: both, onWarning: (text) => warnings.push(text) });
    expect(names.map((name, i) => drawableName(font, name, i))).toEqual(["plain", "1", "人", "3"]);
    expect(warnings).toEqual([
      expect.stringMatching(/^labels: no font on this system has .* class 1, 3; .*--font FILE$/),
    ]);
    const without = await openLabelFont(names, { candidates: none });
    expect(names.map((name, i) => drawableName(without, name, i))).toEqual(["plain", "1", "2", "3"]);
  });

  it("need no font if the built-in one has all letters", async () => {
    let asked = false;
    const font = await openLabelFont(["Штрихкод", "Äpfel", "λόγος"], {
      candidates: async () => {
        asked = true;
        return [];
      },
    });
    expect(asked).toBe(false);
    expect(canDraw(font, "Штрихкод 0.87")).toBe(true);
  });
});

describe("untrusted fonts", () => {
  it("are skipped if damaged", async () => {
    const sound = await readFile(fontFile("hangul"));
    const files: string[] = [];
    for (let i = 0; i < 40; i++) {
      const bytes = Buffer.from(sound);
      // Seeded: bytes all over the file, tables and outlines alike.
      for (let k = 0; k < 30; k++) bytes[(i * 7919 + k * 104_729) % bytes.length] = (i * 31 + k * 17) & 255;
      files.push(join(folder, `damaged${i}.ttf`));
      await writeFile(files[i], i % 4 === 0 ? bytes.subarray(0, i * 40) : bytes);
    }
    for (const file of files) {
      const font = await openLabelFont(["한국어", "人"], { candidates: async () => [file] });
      expect(() => drawn(font, `${drawableName(font, "한국어", 7)} 0.95`)).not.toThrow();
    }
    const last = await openLabelFont(["人"], { candidates: async () => [...files, fontFile("hangul")] });
    expect(() => drawn(last, "人")).not.toThrow();
  });

  it("given by --font are refused if they are not fonts", async () => {
    const text = join(folder, "text.ttf");
    await writeFile(text, "no font\n");
    await expect(openLabelFont(["人"], { file: text, candidates: none })).rejects.toThrow(
      `${text}: is not a TrueType or OpenType font`,
    );
    await expect(openLabelFont(["人"], { file: join(folder, "missing.ttf") })).rejects.toThrow(
      /missing\.ttf: no font can be read from it/,
    );
    await expect(openLabelFont(["人"], { file: folder })).rejects.toThrow(/no font can be read/);
  });

  it("are always found in the same order, those with many scripts first", async () => {
    const root = join(folder, "fonts");
    await mkdir(join(root, "deep"), { recursive: true });
    for (const name of ["zz.ttf", "aa.otf", "deep/NotoSansCJK-Regular.ttc", "NotoSansCJK-Bold.ttc", "readme.txt"]) {
      await writeFile(join(root, name), "");
    }
    await symlink(root, join(root, "deep", "circle.ttf"));
    const found = (await systemFonts([root, join(folder, "nowhere")])).map((path) => basename(path));
    expect(found.filter((name) => name !== "circle.ttf")).toEqual([
      ...["NotoSansCJK-Regular.ttc", "aa.otf", "zz.ttf", "NotoSansCJK-Bold.ttc"],
    ]);
  });
});

describe("yolov5 detect --font", () => {
  it("draws the names, or class numbers with one warning if letters are missing", async () => {
    const weights = await modelNamed("hangul.safetensors", ["한국어", "人", "عربي", "𒀀"]);
    const project = join(folder, "out");
    const args = ["detect", "--weights", weights, "--source", EXAMPLE, "--project", project, ...FAST];
    const { code, stderr } = await cli([...args, "--font", fontFile("hangul")]);
    expect(code).toBe(0);
    // What other fonts this machine has is not known; it has no cuneiform with a name like this one's, or draws it.
    expect(stderr.split("\n").filter((line) => line.startsWith("warning: labels:")).length).toBeLessThanOrEqual(1);
    const wrong = await cli([...args, "--font", join(folder, "missing.ttf")]);
    expect(wrong.stderr).toMatch(/missing\.ttf: no font can be read from it; give a \.ttf/);
    expect(wrong.code).not.toBe(0);
  });
});
