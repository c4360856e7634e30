/** Names of strangers: harmless on terminals, in tables, SVG, HTML, JSON and label files; what is not harmful stays as it is. */

import { describe, expect, it } from "vitest";
import { GraphError } from "../src/errors.js";
import { oneLine, printable, printableJson, wellFormedXml } from "../src/printable.js";
import { classificationLines } from "../src/yolov5/output/text/saveText.js";

/** A forged line, an escape sequence, C1, DEL, turned text, separators, a bell, half a character. */
const HARMFUL = [
  "a\nerror: forged",
  "\r",
  "\u001b[2J",
  "\u009b2J",
  "\u007f",
  "\u202egpj.exe",
  "\u2066x\u2069",
  "\u200f\u061c",
];
const MORE = ["\u2028", "\u2029", "\u0007", "\u0000", "\t", "\ud800"];
const HARMLESS = ["person", "Größe 5 µm", "自転車", "👩‍👩‍👧", "नमस्ते", "a <b> & \"c\" \\ 'd'", "", "שלום عالم"];
const BAD = /[\p{Cc}\p{Cs}\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/u;

describe("printable", () => {
  it("replaces each harmful character by one harmless one", () => {
    for (const text of [...HARMFUL, ...MORE]) {
      expect(printable(text)).not.toMatch(BAD);
      expect([...printable(text)].length).toBe([...text].length);
      expect(oneLine(text)).not.toMatch(BAD);
    }
    expect(oneLine("one\n  two")).toBe("one two");
  });

  it("keeps what is harmless", () => {
    for (const text of HARMLESS) expect([printable(text), oneLine(text)]).toEqual([text, text.trim()]);
  });

  it("JSON keeps the value, with escapes", () => {
    const value = [...HARMFUL, ...MORE, ...HARMLESS];
    expect(printableJson(value)).not.toMatch(BAD);
    expect(JSON.parse(printableJson(value))).toEqual(value);
    const lines = printableJson(value, 1).split("\n");
    expect(lines).toHaveLength(value.length + 2);
    expect(lines.join("")).not.toMatch(BAD);
    expect(JSON.parse(lines.join("\n"))).toEqual(value);
  });

  it("XML contains no characters that XML forbids, and keeps its lines", () => {
    expect(wellFormedXml("<a>\n\t\u001b\u0000\u0085\ufffe\ud800é</a>")).toBe(
      "<a>\n\t\ufffd\ufffd\ufffd\ufffd\ufffdé</a>",
    );
  });

  it("label files of classification have a line per class", () => {
    const top5 = HARMFUL.map((name, index) => ({ class: index, name, confidence: 0.5 }));
    const lines = classificationLines({ top5 } as unknown as Parameters<typeof classificationLines>[0]);
    for (const line of lines) expect(line).not.toMatch(BAD);
  });
});

describe("messages of errors", () => {
  it.each(HARMFUL)("are one line without control characters: %j", (text) => {
    const { message } = new GraphError(`model.0: ${text} is none`);
    expect(message).not.toMatch(BAD);
    expect(message).toMatch(/^model\.0: .*is none$/);
  });

  it("are of limited length, and are cut in the middle", () => {
    const { message } = new GraphError(`model.0: ${"n".repeat(1e6)}; choose another`);
    expect(message).toMatch(/^model\.0: n+…n+; choose another$/);
    expect(message.length).toBeLessThan(1600);
  });
});
