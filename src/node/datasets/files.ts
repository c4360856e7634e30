/** Finds the pictures of a data set, and the label file of each. */

import { readdir, realpath, stat } from "node:fs/promises";
import { dirname, extname, isAbsolute, join, normalize, resolve, sep } from "node:path";
import { DatasetError } from "../../errors.js";
import { cutText } from "../../weights/describe.js";
import { byName } from "../files/order.js";
import { isPictureName } from "../files/pictureEndings.js";
import { NAME_NOT_UTF8, readFailure } from "../files/regularFile.js";
import { encodingProblem, readTextFile } from "../files/textFile.js";

/** A path from a list, for messages: shortened, since a line may have any length. */
export function shownPath(path: string): string {
  return cutText(path, 300);
}

export async function kindOf(path: string): Promise<"file" | "folder" | undefined> {
  return stat(path).then(
    (found) => (found.isDirectory() ? "folder" : "file"),
    () => undefined,
  );
}

/** Pictures that are left out: all are listed, and the first few reported one by one. */
export class LeftOut {
  readonly entries: { readonly name: string; readonly reason: string }[] = [];
  private readonly onWarning: (message: string) => void;

  constructor(onWarning: ((message: string) => void) | undefined) {
    this.onWarning = onWarning ?? (() => undefined);
  }

  add(name: string, reason: string, note = ""): void {
    this.entries.push({ name, reason });
    if (this.entries.length <= MOST_TOLD) this.onWarning(`${reason}; the picture is left out${note}`);
  }

  /** @param dataset its name. */
  finish(dataset: string): void {
    const untold = this.entries.length - MOST_TOLD;
    if (untold > 0) this.onWarning(`${dataset}: ${untold} more pictures are left out for similar reasons`);
  }
}

/** Maximum number of individual warnings about pictures that are left out. */
const MOST_TOLD = 20;

/** @throws DatasetError if the given folder of pictures is not a folder. */
export async function checkPictureFolder(folder: string | undefined): Promise<void> {
  if (folder === undefined || (await kindOf(folder)) === "folder") return;
  throw new DatasetError(
    `${shownPath(folder)}: is not a folder; give the one that holds the annotated pictures (--images)`,
    {
      folder,
    },
  );
}

/**
 * All pictures below a folder, sorted by name, as Python's recursive glob finds them: hidden files and folders are
 * skipped. Links are followed, but never into a folder that contains the link.
 */
export async function picturesBelow(folder: string, signal?: AbortSignal): Promise<string[]> {
  const found: string[] = [];
  await walk(folder, [], found, signal);
  return found.sort(byName);
}

async function walk(
  folder: string,
  above: readonly string[],
  found: string[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const real = await realpath(folder);
  if (above.includes(real)) return;
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    signal?.throwIfAborted();
    const { name } = entry;
    if (name.startsWith(".")) continue;
    const path = join(folder, name);
    const stats = await stat(path).catch(() => undefined);
    if (stats?.isDirectory()) await walk(path, [...above, real], found, signal);
    // An unreadable folder counts as empty.
    else if (stats === undefined && entry.isDirectory() && name.includes("\ufffd"))
      throw new DatasetError(`${path}: ${NAME_NOT_UTF8}`, { path });
    // Pipes and devices never end. A broken link is reported when its turn comes.
    else if ((stats === undefined || stats.isFile()) && isPictureName(name)) found.push(path);
  }
}

/**
 * The pictures in a list file, one per line: absolute, relative to the list (`./…`), or relative to the current
 * folder. Skips empty lines and # comments.
 */
export async function picturesOfList(list: string, signal?: AbortSignal): Promise<string[]> {
  const text = await readTextFile(list).catch((error: unknown) => {
    throw new DatasetError(`${list}: ${readFailure(error, list)}`, { list }, { cause: error });
  });
  const lines = text.split(/\r\n|\r|\n/);
  const paths: string[] = [];
  for (const [index, content] of lines.entries()) {
    signal?.throwIfAborted();
    const entry = content.trim();
    if (entry === "" || entry.startsWith("#")) continue;
    const beside = join(dirname(list), entry);
    const either = beside === normalize(entry) ? [beside] : [entry, beside];
    const candidates = isAbsolute(entry) ? [entry] : entry.startsWith("./") ? [beside] : either;
    let found: string | undefined;
    let folder = false;
    for (const path of candidates) {
      const kind = await kindOf(path);
      folder ||= kind === "folder";
      if (kind === "file") {
        found = path;
        break;
      }
    }
    if (!found) {
      const why = folder
        ? "is a folder; list its pictures, or give the folder instead of the list"
        : `no such file (tried ${candidates.map(shownPath).join(", ")})`;
      const message = encodingProblem(list, index + 1, entry) ?? `${list}:${index + 1}: ${shownPath(entry)}: ${why}`;
      throw new DatasetError(message, { list });
    }
    paths.push(found);
  }
  return paths.sort(byName);
}

/** Path of a picture's labels: `labels/` in place of the last `images/` in its path, otherwise next to the picture. */
export function labelPathOf(picture: string): string {
  const whole = resolve(picture);
  const stem = whole.slice(0, whole.length - extname(whole).length);
  const images = `${sep}images${sep}`;
  const at = stem.lastIndexOf(images);
  const labels = at < 0 ? stem : `${stem.slice(0, at)}${sep}labels${sep}${stem.slice(at + images.length)}`;
  return `${labels}.txt`;
}
