/** The text forms of values in protocol 0: integers, floats, quoted strings, raw unicode escapes. */

import { damaged } from "../budget.js";
import { latin1Bytes, smallest } from "./cursor.js";

const MAX_DIGITS = 2500;

/** `42`, `-7`, `00`, `01` (booleans of protocol 0) or `42L`. */
export function parseInteger(line: string): number | bigint | boolean {
  if (line === "00") return false;
  if (line === "01") return true;
  const match = /^\s*([+-]?)(\d+)L?\s*$/.exec(line);
  if (!match || match[2].length > MAX_DIGITS) damaged(`"${line.slice(0, 40)}" is not an integer`);
  const magnitude = BigInt(match[2]);
  return smallest(match[1] === "-" ? -magnitude : magnitude);
}

/** Python's repr of a float: `1.5`, `1e-05`, `inf`, `nan`. */
export function parseFloatText(line: string): number {
  const text = line.trim();
  if (text === "inf" || text === "+inf") return Number.POSITIVE_INFINITY;
  if (text === "-inf") return Number.NEGATIVE_INFINITY;
  if (text === "nan" || text === "-nan") return Number.NaN;
  const value = Number(text);
  if (text === "" || Number.isNaN(value)) damaged(`"${line.slice(0, 40)}" is not a float`);
  return value;
}

const SIMPLE_ESCAPES: ReadonlyMap<string, string> = new Map([
  ["n", "\n"],
  ["r", "\r"],
  ["t", "\t"],
  ["a", "\x07"],
  ["b", "\b"],
  ["f", "\f"],
  ["v", "\v"],
  ["\\", "\\"],
  ["'", "'"],
  ['"', '"'],
]);

/** A quoted string as Python 2's repr writes it; its bytes are UTF-8, or latin-1 where they are not. */
export function parseQuoted(line: string): string {
  const text = line.trimEnd();
  const quote = text[0];
  if (text.length < 2 || (quote !== "'" && quote !== '"') || text[text.length - 1] !== quote) {
    damaged(`${JSON.stringify(line.slice(0, 40))} is not a quoted string`);
  }
  const raw = text.slice(1, -1).replace(/\\(x[0-9a-fA-F]{2}|[0-7]{1,3}|[^x0-7])/g, (whole, code: string) => {
    if (code[0] === "x") return String.fromCharCode(Number.parseInt(code.slice(1), 16));
    if (/^[0-7]/.test(code)) return String.fromCharCode(Number.parseInt(code, 8) & 255);
    return SIMPLE_ESCAPES.get(code) ?? whole;
  });
  return byteString(latin1Bytes(raw) ?? damaged("a quoted string with characters above 0xff"));
}

/** A Python 2 `str`: UTF-8 where it is valid, else latin-1. */
export function byteString(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder("latin1").decode(bytes);
  }
}

/** Latin-1 with `\uXXXX` and `\UXXXXXXXX`. */
export function parseRawUnicode(line: string): string {
  return line.replace(/\\u([0-9a-fA-F]{4})|\\U([0-9a-fA-F]{8})/g, (whole, four?: string, eight?: string) => {
    const code = Number.parseInt(four ?? eight ?? "", 16);
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}
