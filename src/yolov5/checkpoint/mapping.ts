/** Uniform access to maps from a pickle and objects from JSON. */

import { describeValue } from "../../weights/describe.js";

/** Entries with string keys; empty for anything else. */
export function entriesOf(source: unknown): [string, unknown][] {
  if (source instanceof Map)
    return [...source].map(([key, value]): [string, unknown] => [describeValue(key, Number.POSITIVE_INFINITY), value]);
  if (typeof source === "object" && source !== null && !Array.isArray(source)) return Object.entries(source);
  return [];
}

/** The value of a key, own properties only. */
export function entryOf(source: unknown, key: string): unknown {
  if (source instanceof Map) return source.get(key);
  if (typeof source === "object" && source !== null && Object.hasOwn(source, key)) {
    return (source as Readonly<Record<string, unknown>>)[key];
  }
  return undefined;
}
