/**
 * Values of a file as sentences name them. A file can share one list a thousand times within itself, so printing what a
 * list holds may take forever: scalars are shown, cut to a line's length, of everything else only what it is.
 */

import { formatShape } from "../tensor/index.js";

const MOST_CHARACTERS = 80;
/** Far more digits than a sentence shows, and quickly made. */
const MOST_DIGITS = 2n ** 256n;

/** At most `most` characters of a text, with an ellipsis where there are more; no character is cut in two. */
export function cutText(text: string, most: number = MOST_CHARACTERS): string {
  if (text.length <= most) return text;
  // A high surrogate at the end lost its other half.
  const end = /[\ud800-\udbff]/.test(text[most - 1]) ? most - 1 : most;
  return `${text.slice(0, end)}…`;
}

/** A scalar's text, or what kind of thing the value is: `<list of 3>`, `<models.yolo.Detect>`. Never longer than a line, or `most`. */
export function describeValue(value: unknown, most: number = MOST_CHARACTERS): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === "string") return cutText(value, most);
  if (typeof value === "bigint") return value < MOST_DIGITS && value > -MOST_DIGITS ? String(value) : "<int>";
  if (typeof value !== "object") return cutText(String(value));
  if (Array.isArray(value)) return `<list of ${value.length}>`;
  if (value instanceof Map) return `<dict of ${value.size}>`;
  if (value instanceof Uint8Array) return `<${value.length} bytes>`;
  if ("className" in value && typeof value.className === "string") return `<${cutText(value.className)}>`;
  if ("dtype" in value && "shape" in value && Array.isArray(value.shape)) {
    return `<${describeValue(value.dtype)} ${formatShape(value.shape.filter((d) => typeof d === "number").slice(0, 64))}>`;
  }
  if ("name" in value && typeof value.name === "string") return `<${cutText(value.name)}>`;
  return "<object>";
}

/** A number or integer as a double; undefined for everything else, lists of numbers included. */
export function scalarNumber(value: unknown): number | undefined {
  return typeof value === "number" || typeof value === "bigint" ? Number(value) : undefined;
}
