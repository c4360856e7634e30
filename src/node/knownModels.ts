/** Models known by name: the official releases, downloaded once into a cache folder. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { shownAddress } from "../api/address.js";
import { DownloadError } from "../errors.js";
import { checkArchive } from "../weights/index.js";
import { cacheFolder } from "./files/cacheFolder.js";
import { readRegularFile } from "./files/regularFile.js";
import { sha256 } from "./files/sha256.js";
import { readTextFile } from "./files/textFile.js";
import { writeAtomically } from "./files/writeFile.js";
import { download, type OnProgress } from "./net/download.js";

const YOLOV5 = "https://github.com/ultralytics/yolov5/releases/download/v7.0";
const ASSETS = "https://github.com/ultralytics/assets/releases/download";
const SIZES = ["n", "s", "m", "l", "x"];

/** Released names of every size, `#` standing for it, and where their files are. */
const RELEASES: readonly { readonly url: string; readonly names: readonly string[] }[] = [
  { url: YOLOV5, names: ["yolov5#", "yolov5#6", "yolov5#-seg", "yolov5#-cls"] },
  {
    url: `${ASSETS}/v8.3.0`,
    names: [
      ...["yolov5#u", "yolov5#6u"],
      ...["yolov8#", "yolo11#"].flatMap((name) => ["", "-seg", "-pose", "-cls"].map((task) => `${name}${task}`)),
    ],
  },
  { url: `${ASSETS}/v8.4.0`, names: ["yolo26#"] },
];

/** SHA-256 of official files, where it is known for certain. */
const CHECKSUMS: ReadonlyMap<string, string> = new Map([
  ["yolov5n", "4f180cf23ba0717ada0badd6c685026d73d48f184d00fc159c2641284b2ac0a3"],
]);

/** Addresses of all released models by name. */
function addresses(): ReadonlyMap<string, string> {
  return new Map(
    RELEASES.flatMap(({ url, names }) =>
      SIZES.flatMap((size) => names.map((name) => [name.replace("#", size), url] as const)),
    ),
  );
}

/** `yolov5n` … `yolov5x6`, `yolov5s-seg`, `yolov5m-cls`, `yolov5nu`, `yolov8n-pose`, `yolo11s-seg`, `yolo26n`. */
export function knownModelNames(): string[] {
  return [...addresses().keys()];
}

/** The released model's name for a user's input (`yolov5n`, `yolov5n.pt`); undefined if there is none. */
export function knownModelName(text: string): string | undefined {
  const name = text.replace(/\.pt$/, "");
  return knownModelNames().includes(name) ? name : undefined;
}

export interface KnownModelOptions {
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onWarning?: ((message: string) => void) | undefined;
  /** Base URL of the release files, for mirrors and tests. Default: the official release. */
  readonly baseUrl?: string | undefined;
}

/** Every official release is a zip file. */
function startsLikeZip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x50 && bytes[1] === 0x4b;
}

function firstCharacters(bytes: Uint8Array): string {
  return JSON.stringify(Buffer.from(bytes.subarray(0, 16)).toString("latin1"));
}

/**
 * Bytes of an official model, from the cache or downloaded. Its checksum is verified. If none is pinned, a cached
 * file is checked against the checksum of its download.
 * @throws DownloadError that says where to put the file by hand.
 */
export async function readKnownModel(
  name: string,
  options: KnownModelOptions = {},
): Promise<{ bytes: Uint8Array; path: string }> {
  const path = join(cacheFolder(), `${name}.pt`);
  const pinned = CHECKSUMS.get(name);
  if (existsSync(path)) {
    const bytes = await readRegularFile(path);
    const wanted = pinned ?? (await recordedChecksum(path));
    if (wanted === undefined || sha256(bytes) === wanted) return { bytes, path };
    const what = pinned ? `the official ${name}.pt` : `the downloaded ${name}.pt`;
    options.onWarning?.(`${path}: is not ${what} (the checksum differs); downloading it again`);
  }
  const url = `${options.baseUrl ?? process.env.YOLOV5_RELEASE_URL ?? addresses().get(name)}/${name}.pt`;
  const advice = `get ${name}.pt elsewhere and put it at ${path}, or pass its path with --weights`;
  const bytes = await download(url, { ...options, advice });
  const shown = shownAddress(url);
  const digest = sha256(bytes);
  if (pinned && digest !== pinned) {
    throw new DownloadError(`${shown}: its SHA-256 is ${digest}, not the official ${pinned}; ${advice}`, {
      url: shown,
      digest,
    });
  }
  // A login or error page sent with a success status must not stay in the cache forever.
  if (!pinned && !startsLikeZip(bytes)) {
    throw new DownloadError(
      `${shown}: the server did not send a checkpoint (${bytes.length} bytes that begin with ${firstCharacters(bytes)}); ${advice}`,
      {
        url: shown,
      },
    );
  }
  if (!pinned) refusePart(bytes, shown, advice);
  if (!pinned) options.onWarning?.(`${name}.pt: its checksum is not pinned; downloaded SHA-256 ${digest}`);
  await writeAtomically(path, bytes);
  await writeAtomically(recordOf(path), `${digest}  ${name}.pt\n`);
  return { bytes, path };
}

/**
 * A server that gives no length may break off unnoticed; half a file must not stay in the cache either.
 * @throws DownloadError
 */
function refusePart(bytes: Uint8Array, url: string, advice: string): void {
  try {
    checkArchive(bytes);
  } catch (error) {
    throw new DownloadError(
      `${url}: the server sent only a part of the file (${bytes.length} bytes, without the end of the archive); ${advice}`,
      { url },
      { cause: error },
    );
  }
}

/** In the format of `sha256sum`; used to check the cached file later. */
const recordOf = (path: string): string => `${path}.sha256`;

/** Undefined for a file that was put there manually. */
async function recordedChecksum(path: string): Promise<string | undefined> {
  const text = await readTextFile(recordOf(path)).catch(() => "");
  return /^([0-9a-f]{64})\b/.exec(text)?.[1];
}
