/** Class names from checkpoints (list or dict, any key type, gaps) → a list with one name per class. */

import { OptionError } from "../../errors.js";
import { cutText, describeValue, scalarNumber } from "../../weights/describe.js";

/** Maximum characters of a class name, to fit in tables, labels and folder names. */
const MAX_NAME = 256;
/** Maximum digits of a class index written as a string. */
const MAX_DIGITS = 16;

/**
 * Names of `classCount` classes from a list, a dict (as a map), or a parsed JSON object. Keys may be numbers or
 * strings of digits. A class without a name becomes `class{n}`. Names are kept verbatim, whatever they contain
 * (`__proto__`, empty, any script), but truncated to 256 characters. Extra names are dropped.
 */
export function normalizeNames(names: unknown, classCount: number): string[] {
  const found = new Map<number, string>();
  for (const [key, name] of entriesOf(names)) {
    const index = scalarNumber(typeof key === "string" ? indexOf(key) : key);
    if (index !== undefined && index >= 0 && index < classCount) found.set(index, nameText(name, index));
  }
  return Array.from({ length: classCount }, (_, index) => found.get(index) ?? `class${index}`);
}

function entriesOf(names: unknown): Iterable<readonly [unknown, unknown]> {
  if (Array.isArray(names)) return names.entries();
  if (names instanceof Map) return names.entries();
  if (typeof names === "object" && names !== null) return Object.entries(names);
  return [];
}

/** A class index in digits. */
function indexOf(key: string): number | undefined {
  const text = key.length <= MAX_DIGITS ? key.trim() : "";
  return /^\d+$/.test(text) ? Number(text) : undefined;
}

function nameText(name: unknown, index: number): string {
  if (typeof name === "string") return cutText(name, MAX_NAME);
  // In Python's spelling: unquoted `no`, `off` or `true` in YAML files.
  if (typeof name === "boolean") return name ? "True" : "False";
  return typeof name === "number" || typeof name === "bigint" ? describeValue(name) : `class${index}`;
}

/**
 * Checks that the members of an ensemble have the same classes.
 * @param models the models' names, for the message, and their class lists.
 * @throws OptionError with the first difference.
 */
export function assertSameClasses(
  models: readonly { readonly name: string; readonly names: readonly string[] }[],
): void {
  const [first, ...others] = models;
  for (const other of others) {
    if (other.names.length !== first.names.length) {
      throw new OptionError(
        `ensemble: ${other.name} has ${other.names.length} classes, ${first.name} has ${first.names.length}; use models of one dataset`,
        { first: first.names.length, other: other.names.length },
      );
    }
    const index = other.names.findIndex((name, i) => name !== first.names[i]);
    if (index >= 0) {
      throw new OptionError(
        `ensemble: class ${index} is "${other.names[index]}" in ${other.name} and "${first.names[index]}" in ${first.name}; use models of one dataset`,
        { index, first: first.names[index], other: other.names[index] },
      );
    }
  }
}
