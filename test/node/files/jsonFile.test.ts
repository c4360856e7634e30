import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { NestedJsonError, readJsonFile } from "../../../src/node/files/jsonFile.js";
import { scratchFolder } from "../../cli/support.js";

const folder = await scratchFolder();
let files = 0;

function file(content: string | Uint8Array): string {
  const path = join(folder, `${files++}.json`);
  writeFileSync(path, content);
  return path;
}

/** Above a mebibyte, so that it is parsed in pieces, whose edges fall into characters of two to four bytes. */
const LIST = Array.from({ length: 20_000 }, (_, i) => ({
  "ключ é 😀": [i, -i / 3, 1e-300, null, true, { deep: [[`"\\\n\u0001${"ü".repeat(i % 7)}`]] }],
}));
const TEXT = JSON.stringify(LIST);

test("large files are read as by JSON.parse, in UTF-8 and UTF-16, with and without a byte order mark", async () => {
  for (const content of [TEXT, `\ufeff${TEXT}\r\n`, Buffer.from(`\ufeff${TEXT}`, "utf16le")]) {
    expect(await readJsonFile(file(content))).toEqual(JSON.parse(TEXT));
  }
});

test.each<[string, string]>([
  ["cut", TEXT.slice(0, -1)],
  ["followed by something else", `${TEXT}x`],
  ["two values", TEXT + TEXT],
  ["with a trailing comma", `${TEXT.slice(0, -1)},]`],
  ["with NaN", TEXT.replace("null", "NaN")],
  ["with a line break in a string", TEXT.replace("ü", "\n")],
  ["empty but for spaces", " ".repeat(TEXT.length)],
])("a large file that is %s is a SyntaxError, like a small one", async (_, text) => {
  await expect(readJsonFile(file(text))).rejects.toThrow(SyntaxError);
  await expect(readJsonFile(file(text.slice(-20)))).rejects.toThrow(SyntaxError);
});

test.each([
  ["a small file", 0],
  ["a large file", 1 << 20],
])("%s nested deeper than any real one is refused, brackets in strings aside", async (_, spaces) => {
  const nested = (depth: number): string => "[".repeat(depth) + " ".repeat(spaces) + "]".repeat(depth);
  await expect(readJsonFile(file(nested(1000)))).resolves.toHaveLength(1);
  await expect(readJsonFile(file(nested(1001)))).rejects.toThrow(NestedJsonError);
  await expect(readJsonFile(file(`{"a":${"[".repeat(3_000_000)}`))).rejects.toThrow(/more than 1000 deep/);
  const text = JSON.stringify([`\\"${"[{".repeat(5000)}`, "\\", " ".repeat(spaces)]);
  expect(await readJsonFile(file(text))).toEqual(JSON.parse(text));
});

test("reading ends with the signal's reason", async () => {
  const reason = new Error("enough");
  await expect(readJsonFile(file(TEXT), AbortSignal.abort(reason))).rejects.toBe(reason);
});
