/**
 * Recognises arguments by structure, not by class: bytes, files and pixels from an iframe, a popup or a `vm` context
 * have different classes with the same names. Also describes unexpected arguments without repeating their content.
 */

import { printable } from "../../printable.js";

/** A `Blob` or `File`. */
export interface BlobLike {
  readonly size: number;
  readonly name?: unknown;
  arrayBuffer(): Promise<ArrayBuffer>;
}

/** Longer constructor names are ignored. */
const LONGEST_NAME = 60;

/** The type name of a value: `Uint8Array`, `HTMLDivElement`, `Null`. */
export function tagOf(value: unknown): string {
  try {
    return Object.prototype.toString.call(value).slice(8, -1);
  } catch {
    // A revoked proxy: every access throws.
    return "Proxy";
  }
}

/** A view of encoded bytes, without copying; undefined for anything else. A transferred buffer is empty. */
export function bytesIn(value: unknown): Uint8Array | undefined {
  const tag = tagOf(value);
  if (ArrayBuffer.isView(value)) {
    return tag === "Uint8Array" ? viewOf(value.buffer, value.byteOffset, value.byteLength) : undefined;
  }
  return tag === "ArrayBuffer" || tag === "SharedArrayBuffer" ? viewOf(value as ArrayBuffer) : undefined;
}

function viewOf(buffer: ArrayBufferLike, offset?: number, length?: number): Uint8Array {
  try {
    return new Uint8Array(buffer, offset, length);
  } catch {
    return new Uint8Array(0);
  }
}

/** Whether a value is bytes in the sense of raw pixels. */
export function isPixelData(value: unknown): value is Uint8Array | Uint8ClampedArray {
  return ArrayBuffer.isView(value) && /^Uint8(Clamped)?Array$/.test(tagOf(value));
}

export function isBlob(value: unknown): value is BlobLike {
  if (!/^(Blob|File)$/.test(tagOf(value))) return false;
  return typeof (value as Partial<BlobLike>).arrayBuffer === "function";
}

/** The name of a file; a Blob has none. */
export function nameOfBlob({ name }: BlobLike): string | undefined {
  return typeof name === "string" && name !== "" ? name : undefined;
}

/** A path or address as a string; undefined for anything else. */
export function addressIn(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (tagOf(value) !== "URL") return undefined;
  const { href } = value as Partial<URL>;
  return typeof href === "string" ? href : undefined;
}

/** Advice for objects that contain what was expected. */
const INSTEAD: Readonly<Record<string, string>> = {
  Promise: "await it first",
  Response: "give await response.blob()",
  FileList: "give one of its files",
  HTMLInputElement: "give one of its files",
};

/** Describes a value, to follow "got": `null`, `HTMLDivElement`, `an empty array`. Never its content. */
export function describeGiven(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  const tag = tagOf(value);
  if (tag === "Array") return (value as readonly unknown[]).length === 0 ? "an empty array" : "an array";
  if (typeof value === "string") return value === "" ? "an empty string" : "a string";
  if (typeof value !== "object") return `a ${typeof value}`;
  const name = printable(tag === "Object" ? constructorOf(value) : tag).slice(0, LONGEST_NAME);
  return !Object.hasOwn(INSTEAD, tag) ? name : `${name}; ${INSTEAD[tag]}`;
}

function constructorOf(value: object): string {
  try {
    const name: unknown = value.constructor?.name;
    return typeof name === "string" && name !== "" ? name : "Object";
  } catch {
    return "Object";
  }
}
