/** Parses Ultralytics data set descriptions: `path`, `train`, `val`, `test`, `names`, `nc`. */

import { DatasetError } from "../../errors.js";
import { cutText, describeValue } from "../../weights/describe.js";

/** A part of a data set. */
export type Split = "train" | "val" | "test";

export interface DataDescription {
  /** Root of the splits; empty if there is none. */
  readonly path: string;
  /** Folders, list files or pictures of the split, as written. */
  readonly sources: readonly string[];
  readonly names: readonly string[] | undefined;
}

/**
 * @param content the parsed YAML.
 * @param file begins every message.
 * @throws DatasetError with what is missing or of the wrong type.
 */
export function parseDataDescription(content: unknown, split: Split, file: string): DataDescription {
  if (typeof content !== "object" || content === null || Array.isArray(content)) {
    throw new DatasetError(`${file}: is not a data set description; it needs keys such as path, val and names`, {
      file,
    });
  }
  const map = content as Readonly<Record<string, unknown>>;
  const { nc } = map;
  const path = map.path ?? "";
  if (typeof path !== "string")
    throw new DatasetError(`${file}: "path" must be a string, not ${shown(path)}`, { file });
  const given = map[split];
  const sources = Array.isArray(given) ? given : given === undefined || given === null ? [] : [given];
  if (sources.length === 0 || !sources.every((source) => typeof source === "string" && source !== "")) {
    const others = (["train", "val", "test"] as const).filter((key) => key !== split && typeof map[key] === "string");
    const hint = others.length > 0 ? `; it has ${others.map((key) => `"${key}"`).join(" and ")} (--task)` : "";
    throw new DatasetError(`${file}: needs "${split}", the folder or list of pictures to measure on${hint}`, { file });
  }
  const names = map.names === undefined || map.names === null ? undefined : parseNames(map.names, file);
  if (nc !== undefined && nc !== null) {
    if (typeof nc !== "number" || !Number.isInteger(nc) || nc < 1) {
      throw new DatasetError(`${file}: "nc" must be a whole number above 0, not ${shown(nc)}`, { file, nc });
    }
    if (names && names.length !== nc) {
      throw new DatasetError(`${file}: "nc" is ${nc}, but "names" has ${names.length} entries`, { file, nc });
    }
  }
  return { path, sources: sources as string[], names };
}

function shown(value: unknown): string {
  return typeof value === "string" ? `"${cutText(value)}"` : describeValue(value);
}

/** A list, or a map from class indices without gaps. */
function parseNames(value: unknown, file: string): string[] {
  // Only the type of anything but a scalar: aliases can turn a short file into lists of a million items.
  const text = (name: unknown): string => (typeof name === "string" ? name : describeValue(name));
  if (Array.isArray(value)) return value.map(text);
  if (typeof value !== "object" || value === null) {
    throw new DatasetError(`${file}: "names" must be a list or a map of class names`, { file });
  }
  const entries = new Map(Object.entries(value).map(([key, name]) => [Number(key), text(name)] as const));
  return Array.from({ length: entries.size }, (_, index) => {
    const name = entries.get(index);
    if (name !== undefined) return name;
    const keys = cutText(Object.keys(value).slice(0, 5).join(", "));
    throw new DatasetError(
      `${file}: "names" has ${entries.size} entries but none for class ${index} (its keys: ${keys} …); classes are numbered from 0 without gaps`,
      { file, index },
    );
  });
}
