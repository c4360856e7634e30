/** `--source` → pictures and videos, in detect.py's order: files, folders, globs, URLs, cameras, list files. */

import { readdir, stat } from "node:fs/promises";
import { dirname, extname, join } from "node:path";
import { isHttp, shownAddress } from "../../../api/address.js";
import { globFiles, isGlob } from "../../../node/files/glob.js";
import { byName, byNumbers } from "../../../node/files/order.js";
import { isPictureName, PICTURE_ENDINGS } from "../../../node/files/pictureEndings.js";
import { NAME_NOT_UTF8, readFailure } from "../../../node/files/regularFile.js";
import { encodingProblem, readTextFile } from "../../../node/files/textFile.js";
import { FILE_ADDRESS_ADVICE, pathOfFileAddress } from "../../../node/localAddress.js";
import { isVideo } from "../../../node/video/fileKind.js";
import { isCamera, isStreamAddress, VIDEO_ENDINGS } from "../../../node/video/input.js";
import { errorLine, InterruptedError } from "../../errors.js";
import { httpItem, streamItem, unreadAddress } from "./addresses.js";
import { isRemoteList, remoteListEntries } from "./remoteList.js";
import type { SourceItem } from "./sourceItem.js";

export type { SourceItem } from "./sourceItem.js";

const ending = (path: string): string => extname(path).slice(1).toLowerCase();

export interface ExpandOptions {
  /** Treat pictures as frames of one scene: sort numbers in names by value, where detect.py sorts alphabetically. */
  readonly frames?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** All pictures and videos of the sources, in the order given; folders and globs are sorted by name. */
export async function expandSources(sources: readonly string[], options: ExpandOptions): Promise<SourceItem[]> {
  const items: SourceItem[] = [];
  for (const source of sources) for (const item of await expand(source, options, true)) items.push(item);
  return items;
}

async function expand(source: string, options: ExpandOptions, listsAllowed: boolean): Promise<SourceItem[]> {
  if (options.signal?.aborted) throw new InterruptedError();
  if (source === "") return [{ source, error: '"": is empty; give a picture, folder, glob, URL or list' }];
  if (listsAllowed && isRemoteList(source)) return fromRemoteList(source, options);
  if (isHttp(source)) return [await httpItem(source, options.signal)];
  if (isStreamAddress(source)) return [streamItem(source)];
  if (/^file:\/\//i.test(source)) {
    const path = pathOfFileAddress(source);
    return path === undefined
      ? [{ source, error: `${source}: ${FILE_ADDRESS_ADVICE}` }]
      : expand(path, options, listsAllowed);
  }
  const unread = unreadAddress(source);
  if (unread) return [unread];
  const found = await stat(source).catch((error: NodeJS.ErrnoException) => error);
  if (!(found instanceof Error)) {
    if (found.isDirectory()) return fromFolder(source, options);
    if (found.isCharacterDevice() && isCamera(source)) return [{ source, video: true }];
    if (!found.isFile()) return [{ source, error: `${source}: is a pipe or a device, not a file` }];
    // A file that cannot be opened is reported when its turn comes.
    if (await isVideo(source, true).catch(() => false)) return [{ source, video: true }];
    if (ending(source) === "txt") return fromList(source, options, listsAllowed);
    return [{ source }];
  }
  if (found.code !== "ENOENT" && found.code !== "ENOTDIR") {
    return [{ source, error: `${source}: ${readFailure(found, source)}` }];
  }
  if (isGlob(source)) return fromGlob(source, options);
  if (isCamera(source)) return [{ source, video: true }];
  if (source === "screen" || source.startsWith("screen ")) {
    return [
      { source, error: `${source}: screen capture is not available; record the screen with ffmpeg and give the file` },
    ];
  }
  if (source.includes("\ufffd")) return [{ source, error: `${source}: ${NAME_NOT_UTF8}` }];
  return [{ source, error: `${source}: no such file; give a picture, video, folder, glob, URL or list of these` }];
}

/** The pictures among `names`, then the videos, as in detect.py; other files are skipped. */
async function mediaAmong(source: string, paths: readonly string[], { signal }: ExpandOptions): Promise<SourceItem[]> {
  const pictures: SourceItem[] = [];
  const videos: SourceItem[] = [];
  for (const path of paths) {
    if (signal?.aborted) throw new InterruptedError();
    if (await isEndless(path)) continue;
    // A file that cannot be opened is reported when its turn comes.
    if (await isVideo(path).catch(() => !isPictureName(path))) videos.push({ source: path, video: true });
    else if (isPictureName(path)) pictures.push({ source: path });
  }
  if (pictures.length + videos.length > 0) return [...pictures, ...videos];
  const formats = `pictures have the extensions ${PICTURE_ENDINGS.join(", ")}, videos ${VIDEO_ENDINGS.join(", ")}`;
  return [{ source, error: `${source}: contains no pictures or videos; ${formats}` }];
}

async function fromFolder(source: string, options: ExpandOptions): Promise<SourceItem[]> {
  const entries = await readdir(source, { withFileTypes: true });
  const names = entries.filter((entry) => !entry.isDirectory() && !entry.name.startsWith(".")).map(({ name }) => name);
  const paths = names.sort(options.frames ? byNumbers : byName).map((name) => join(source, name));
  return mediaAmong(source, paths, options);
}

async function fromGlob(source: string, options: ExpandOptions): Promise<SourceItem[]> {
  const paths = await globFiles(source, options.signal);
  if (paths.length === 0) return [{ source, error: `${source}: matches no files` }];
  return mediaAmong(source, paths.sort(options.frames ? byNumbers : byName), options);
}

/**
 * One source per line, relative to the current folder or else to the list's folder. Skips empty lines and # comments.
 */
async function fromList(source: string, options: ExpandOptions, allowed: boolean): Promise<SourceItem[]> {
  if (!allowed) return [{ source, error: `${source}: is a list inside a list; list its entries directly` }];
  const text = await readTextFile(source);
  const lines = text.split(/\r\n|\r|\n/).map((line, index) => ({ entry: line.trim(), line: index + 1 }));
  const entries = lines.filter(({ entry }) => entry !== "" && !entry.startsWith("#"));
  if (entries.length === 0)
    return [{ source, error: `${source}: lists no pictures or videos; write one source per line` }];
  const items: SourceItem[] = [];
  for (const { entry, line } of entries) {
    const beside = join(dirname(source), entry);
    const here = await exists(entry);
    const path = !here && (await exists(beside)) ? beside : entry;
    const problem = here || path !== entry ? undefined : encodingProblem(source, line, entry);
    if (problem !== undefined) items.push({ source: entry, error: problem });
    else for (const item of await expand(path, options, false)) items.push(item);
  }
  return items;
}

async function fromRemoteList(address: string, options: ExpandOptions): Promise<SourceItem[]> {
  const source = shownAddress(address);
  let entries: string[];
  try {
    entries = await remoteListEntries(address, options.signal);
  } catch (error) {
    if (options.signal?.aborted) throw new InterruptedError();
    return [{ source, error: errorLine(error) }];
  }
  if (entries.length === 0)
    return [{ source, error: `${source}: lists no pictures or videos; write one source per line` }];
  const items: SourceItem[] = [];
  for (const entry of entries) for (const item of await expand(entry, options, false)) items.push(item);
  return items;
}

/** True for pipes and devices, even behind a link. */
async function isEndless(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => !found.isFile() && !found.isDirectory(),
    () => false,
  );
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
