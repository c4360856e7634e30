/** safetensors metadata (strings only) ↔ plain values: JSON where it is JSON, else text. */

import { CheckpointError } from "../errors.js";
import type { PlainValue } from "./types.js";

const MAX_DEPTH = 64;

/** `{"0":"person"}` → Map, `[8,16,32]` → list, `0.001` → number; text that JSON would change (`7.0`) stays text. */
export function parseMetadata(metadata: ReadonlyMap<string, string>): Map<string, PlainValue> {
  const values = new Map<string, PlainValue>();
  for (const [key, text] of metadata) values.set(key, parseValue(text));
  return values;
}

function parseValue(text: string): PlainValue {
  if (!/^\s*[[{]/.test(text)) {
    if (text === "true" || text === "false") return text === "true";
    if (text === "null") return null;
    const number = Number(text);
    return text !== "" && Number.isFinite(number) && String(number) === text ? number : text;
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return text;
  }
  return fromJson(parsed, 0);
}

function fromJson(value: unknown, depth: number): PlainValue {
  if (depth > MAX_DEPTH) throw new CheckpointError(`has metadata nested more than ${MAX_DEPTH} deep`);
  if (value === null || typeof value === "boolean" || typeof value === "number" || typeof value === "string") {
    return value;
  }
  if (Array.isArray(value)) return value.map((item: unknown) => fromJson(item, depth + 1));
  if (typeof value !== "object") return null;
  return new Map(
    Object.entries(value).map(([key, item]): [PlainValue, PlainValue] => [key, fromJson(item, depth + 1)]),
  );
}
