/** Python literals, in which exporters write metadata: `{0: 'person'}`, `[640, 640]`, `True`. JSON is read as well. */

import type { PlainValue } from "../../weights/types.js";

const MAX_DEPTH = 16;
const MAX_VALUES = 200_000;

const WORDS: ReadonlyMap<string, PlainValue> = new Map<string, PlainValue>([
  ["True", true],
  ["False", false],
  ["None", null],
  ["true", true],
  ["false", false],
  ["null", null],
]);

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ["n", "\n"],
  ["t", "\t"],
  ["r", "\r"],
  ["b", "\b"],
  ["f", "\f"],
  ["0", "\0"],
]);

/** Digits after `\x`, `\u` and `\U`. */
const CODE_DIGITS: ReadonlyMap<string, number> = new Map([
  ["x", 2],
  ["u", 4],
  ["U", 8],
]);

/** The value, or the text itself where it is no literal. */
export function readLiteral(text: string): PlainValue {
  const reader = new LiteralReader(text);
  const value = reader.value(0);
  return value !== undefined && reader.atEnd() ? value : text;
}

class LiteralReader {
  private at = 0;
  private values = 0;

  constructor(private readonly text: string) {}

  atEnd(): boolean {
    this.skip();
    return this.at === this.text.length;
  }

  /** Undefined if there is none. */
  value(depth: number): PlainValue | undefined {
    this.skip();
    if (depth > MAX_DEPTH || ++this.values > MAX_VALUES) return undefined;
    const first = this.text[this.at];
    if (first === "{") return this.dictionary(depth);
    if (first === "[" || first === "(") return this.list(first === "[" ? "]" : ")", depth);
    if (first === "'" || first === '"') return this.string(first);
    const [word] = /^[\w.+-]{1,40}/.exec(this.text.slice(this.at, this.at + 40)) ?? [];
    if (word === undefined) return undefined;
    this.at += word.length;
    const named = WORDS.get(word);
    if (named !== undefined) return named;
    const number = Number(word);
    return /^[+-]?[\d.]/.test(word) && !Number.isNaN(number) ? number : undefined;
  }

  private dictionary(depth: number): PlainValue | undefined {
    const entries = new Map<PlainValue, PlainValue>();
    this.at++;
    while (!this.taken("}")) {
      const key = this.value(depth + 1);
      if (key === undefined || !this.taken(":")) return undefined;
      const value = this.value(depth + 1);
      if (value === undefined) return undefined;
      entries.set(key, value);
      if (!this.taken(",") && !this.sees("}")) return undefined;
    }
    return entries;
  }

  private list(end: string, depth: number): PlainValue | undefined {
    const items: PlainValue[] = [];
    this.at++;
    while (!this.taken(end)) {
      const item = this.value(depth + 1);
      if (item === undefined) return undefined;
      items.push(item);
      if (!this.taken(",") && !this.sees(end)) return undefined;
    }
    return items;
  }

  private string(quote: string): string | undefined {
    const parts: string[] = [];
    for (this.at++; this.at < this.text.length; this.at++) {
      const character = this.text[this.at];
      if (character === quote) {
        this.at++;
        return parts.join("");
      }
      parts.push(character === "\\" ? this.escape() : character);
    }
    return undefined;
  }

  /** Leaves the cursor on the escape's last character. */
  private escape(): string {
    const kind = this.text[++this.at] ?? "";
    const digits = CODE_DIGITS.get(kind);
    const code = digits === undefined ? "" : this.text.slice(this.at + 1, this.at + 1 + digits);
    if (digits === undefined || code.length < digits || !/^[\da-fA-F]+$/.test(code)) return ESCAPES.get(kind) ?? kind;
    const point = Number.parseInt(code, 16);
    this.at += digits;
    return point <= 0x10ffff ? String.fromCodePoint(point) : "\ufffd";
  }

  private skip(): void {
    while (/\s/.test(this.text[this.at] ?? "")) this.at++;
  }

  private sees(character: string): boolean {
    this.skip();
    return this.text[this.at] === character;
  }

  private taken(character: string): boolean {
    const found = this.sees(character);
    if (found) this.at++;
    return found;
  }
}
