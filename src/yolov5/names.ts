/** Class names as checkpoints hold them (list or dict, any key type, gaps) → one list, a name per class. */

import { OptionError } from "../errors.js";

/**
 * Names of `classCount` classes from a list, a dict as a map, or a parsed JSON object. Keys may be numbers or digits in strings; a class without a name is `class{n}`; names
 * are kept as they are, whatever they spell (`__proto__`, empty, any script); names beyond the classes are dropped.
 */
export function normalizeNames(names: unknown, classCount: number): string[] {
  const found = new Map<number, string>();
  for (const [key, name] of entriesOf(names)) {
    const index = typeof key === "string" && /^\s*\d+\s*$/.test(key) ? Number(key) : key;
    if (typeof index === "number" || typeof index === "bigint") found.set(Number(index), nameText(name, Number(index)));
  }
  return Array.from({ length: classCount }, (_, index) => found.get(index) ?? `class${index}`);
}

function entriesOf(names: unknown): Iterable<readonly [unknown, unknown]> {
  if (Array.isArray(names)) return names.entries();
  if (names instanceof Map) return names.entries();
  if (typeof names === "object" && names !== null) return Object.entries(names);
  return [];
}

function nameText(name: unknown, index: number): string {
  if (typeof name === "string") return name;
  return typeof name === "number" || typeof name === "bigint" || typeof name === "boolean"
    ? String(name)
    : `class${index}`;
}

/**
 * An ensemble adds up boxes of the same classes: all lists must agree.
 * @param models names of the models, for the message, and their class lists.
 * @throws OptionError naming the first difference.
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
