/** What WASM models are prepared from, kept in files: packed weights, and modules of kernels. */

import { createHash, type Hash } from "node:crypto";
import { closeSync, read } from "node:fs";
import { crc32 } from "node:zlib";
import { ALIGNMENT, type PreparedStore, roundUp } from "../../runtime/wasm/index.js";
import { type HostTensor, recipeOf } from "../../tensor/index.js";
import { BUILD } from "../../version.js";
import { keep, type Opened, openKept } from "./keptFiles.js";
import { keptKernels } from "./keptKernels.js";
import type { Prepared } from "./prepared.js";

type Constants = Parameters<PreparedStore["readWeights"]>[0];

/** Below this, packing is as fast as reading. */
const LEAST_BYTES = 2 ** 20;
/** Of one model: larger ones would push all others out. */
const MOST_BYTES = 256 * 2 ** 20;
/** Parts of a file that several threads read at a time. */
const PART_BYTES = 4 * 2 ** 20;

/** Parts of memory that all threads share, to be filled one after the other from the start of a file. */
export interface AsideRead {
  readonly path: string;
  readonly memory: SharedArrayBuffer;
  readonly places: readonly (readonly [address: number, bytes: number])[];
}

/** Reads on an idle thread. @returns the checksum of what it read; undefined if it could not */
export type ReadAside = (read: AsideRead) => Promise<number | undefined>;

/**
 * Undefined where nothing is kept: from source, where an edit would not change the name of a file, and with
 * `YOLOV5_DISABLE_PREPARED_CACHE=1`.
 */
export function filePreparedStore(
  prepared: Exclude<Prepared, "nothing">,
  aside: () => ReadAside | undefined = () => undefined,
  build: string | undefined = BUILD,
): PreparedStore | undefined {
  if (build === undefined || process.env.YOLOV5_DISABLE_PREPARED_CACHE === "1") return undefined;
  const kind = (target: object): string =>
    `${build} ${process.arch} ${process.versions.v8 ?? ""} ${JSON.stringify(target)}`;
  const names = new WeakMap<Constants, string>();
  return {
    readWeights(constants, memory, target) {
      const name = prepared === "weights" ? nameOf(constants, kind(target)) : undefined;
      if (name !== undefined) names.set(constants, name);
      const file = name === undefined ? undefined : openKept(name);
      return file && fill(file, constants, memory, aside()).finally(() => closeSync(file.fd));
    },
    writeWeights(constants, memory) {
      const name = names.get(constants);
      if (name !== undefined) keep(name, placesOf(constants, memory));
    },
    ...keptKernels(kind),
  };
}

const sizeOf = (constants: Constants): number =>
  constants.reduce((sum, { storage }) => sum + roundUp(storage.bytes, ALIGNMENT), 0);

/** Undefined if they are few or too many, or if something is made of anything but tensors and arrays of numbers. */
function nameOf(constants: Constants, kind: string): string | undefined {
  const bytes = sizeOf(constants);
  if (bytes < LEAST_BYTES || bytes > MOST_BYTES) return undefined;
  const hash = createHash("sha256").update(`${kind}\n`);
  const known = new Map<object, number>();
  for (const { key, storage, sources } of constants) {
    for (const source of sources) if (!digest(source, hash, known)) return undefined;
    hash.update(`${key} ${storage.bytes} ${sources.map((source) => known.get(source)).join(" ")}\n`);
  }
  return hash.digest("hex");
}

/** Adds a source, once. A tensor that is yet to be computed stands for what it is computed from. */
function digest(source: object, hash: Hash, known: Map<object, number>): boolean {
  if (known.has(source)) return true;
  if (ArrayBuffer.isView(source)) {
    hash.update(`${source.constructor.name} ${source.byteLength}\n`);
    hash.update(bytesOf(source));
  } else {
    const tensor = source as HostTensor;
    const recipe = recipeOf(tensor);
    if (recipe) {
      for (const part of recipe.from) if (!digest(part, hash, known)) return false;
      hash.update(`${recipe.name} ${tensor.shape} ${recipe.from.map((part) => known.get(part)).join(" ")}\n`);
    } else {
      if (!ArrayBuffer.isView(tensor.data)) return false;
      hash.update(`${tensor.dtype} ${tensor.shape}\n`);
      hash.update(bytesOf(tensor.data));
    }
  }
  known.set(source, known.size);
  return true;
}

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

/** Ranges of the memory in the order of the file, each as large as the memory gave it; neighbours as one. */
function placesOf(constants: Constants, memory: ArrayBufferLike): Uint8Array[] {
  const ranges: { readonly from: number; to: number }[] = [];
  for (const { storage } of constants) {
    const { address: from } = storage;
    const to = from + roundUp(storage.bytes, ALIGNMENT);
    const last = ranges.at(-1);
    if (last?.to === from) last.to = to;
    else ranges.push({ from, to });
  }
  return ranges.map(({ from, to }) => new Uint8Array(memory, from, to - from));
}

async function fill(
  { fd, path, bytes, checksum }: Opened,
  constants: Constants,
  memory: ArrayBufferLike,
  aside: ReadAside | undefined,
): Promise<boolean> {
  if (bytes !== sizeOf(constants)) return false;
  const places = placesOf(constants, memory);
  try {
    const found =
      aside && memory instanceof SharedArrayBuffer
        ? await aside({ path, memory, places: places.map(({ byteOffset, length }) => [byteOffset, length]) })
        : await readHere(fd, places);
    return found === checksum;
  } catch {
    return false;
  }
}

async function readHere(fd: number, places: readonly Uint8Array[]): Promise<number | undefined> {
  const reads: Promise<boolean>[] = [];
  let from = 0;
  for (const place of places) {
    for (let at = 0; at < place.length; at += PART_BYTES) {
      reads.push(readWhole(fd, place.subarray(at, at + PART_BYTES), from + at));
    }
    from += place.length;
  }
  if (!(await Promise.all(reads)).every((whole) => whole)) return undefined;
  return places.reduce((checksum, place) => crc32(place, checksum), 0);
}

/** On a thread of Node's own. */
const readWhole = (fd: number, target: Uint8Array, position: number): Promise<boolean> =>
  new Promise((resolve) => {
    read(fd, target, 0, target.length, position, (error, count) => resolve(!error && count === target.length));
  });
