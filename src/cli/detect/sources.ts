/** `--source` → pictures, in detect.py's order: files, folders, globs, URLs, list files. Nothing is opened here. */

import { readdir, readFile, stat } from "node:fs/promises";
import { dirname, extname, isAbsolute, join } from "node:path";
import { InterruptedError } from "../errors.js";

/** One picture to read, or the reason why a source gives none. */
export type SourceItem =
  | { readonly source: string; readonly error?: undefined }
  | { readonly source: string; readonly error: string };

/** What detect.py takes for pictures and for videos, by the name's ending. */
const PICTURES = new Set("bmp dng jpeg jpg mpo png tif tiff webp pfm avif gif".split(" "));
const VIDEOS = new Set("asf avi m4v mkv mov mp4 mpeg mpg ts wmv webm".split(" "));
const LATER = "video comes in a later release; give pictures, or frames of it as pictures";

const ending = (path: string): string => extname(path).slice(1).toLowerCase();
const isPicture = (path: string): boolean => PICTURES.has(ending(path));
const isVideo = (path: string): boolean => VIDEOS.has(ending(path));
/** By code points, as Python sorts. */
const byName = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

export interface ExpandOptions {
  readonly onWarning: (text: string) => void;
  readonly signal?: AbortSignal | undefined;
}

/** All pictures of the sources, in the order given; those of folders, globs and lists sorted by name. */
export async function expandSources(sources: readonly string[], options: ExpandOptions): Promise<SourceItem[]> {
  const items: SourceItem[] = [];
  for (const source of sources) items.push(...(await expand(source, options, true)));
  return items;
}

async function expand(source: string, options: ExpandOptions, listsAllowed: boolean): Promise<SourceItem[]> {
  if (options.signal?.aborted) throw new InterruptedError();
  if (source === "") return [{ source, error: '"": is empty; give a picture, folder, glob, URL or list' }];
  if (/^https?:\/\//i.test(source)) return [fromUrl(source)];
  if (/^(rtsp|rtmp|tcp|udp):\/\//i.test(source)) return [{ source, error: `${source}: is a stream; ${LATER}` }];
  if (/^file:\/\//i.test(source))
    return expand((await import("node:url")).fileURLToPath(source), options, listsAllowed);
  const found = await stat(source).catch((error: NodeJS.ErrnoException) => error);
  if (!(found instanceof Error)) {
    if (found.isDirectory()) return fromFolder(source, options);
    if (isVideo(source)) return [{ source, error: `${source}: is a video; ${LATER}` }];
    if (ending(source) === "txt") return fromList(source, options, listsAllowed);
    return [{ source }];
  }
  if (found.code !== "ENOENT" && found.code !== "ENOTDIR") {
    return [{ source, error: `${source}: cannot be read (${found.code}); check its permissions` }];
  }
  if (/[*?[\]{}]/.test(source)) return fromGlob(source, options);
  if (/^\d+$/.test(source)) return [{ source, error: `${source}: is a camera number; ${LATER}` }];
  if (source === "screen" || source.startsWith("screen ")) {
    return [{ source, error: `${source}: is the screen; ${LATER}` }];
  }
  if (ending(source) === "streams") return [{ source, error: `${source}: is a list of streams; ${LATER}` }];
  return [{ source, error: `${source}: no such file; give a picture, folder, glob, URL or list of these` }];
}

function fromUrl(source: string): SourceItem {
  let url: URL;
  try {
    url = new URL(source);
  } catch {
    return { source, error: `${source}: is no valid URL` };
  }
  if (isVideo(url.pathname) || /(^|\.)(youtube\.com|youtu\.be)$/.test(url.hostname)) {
    return { source, error: `${source}: is a video; ${LATER}` };
  }
  return { source };
}

/** The pictures among names; videos are counted and told, other files passed over as detect.py does. */
function picturesAmong(source: string, paths: readonly string[], options: ExpandOptions): SourceItem[] {
  const pictures = paths.filter(isPicture);
  const videos = paths.filter(isVideo).length;
  if (pictures.length === 0) {
    const what =
      videos > 0 ? `holds ${videos} video${videos > 1 ? "s" : ""} and no pictures; ${LATER}` : "holds no pictures";
    const formats = videos > 0 ? "" : `; names of pictures end in ${[...PICTURES].join(", ")}`;
    return [{ source, error: `${source}: ${what}${formats}` }];
  }
  if (videos > 0) options.onWarning(`${source}: ${videos} video${videos > 1 ? "s" : ""} skipped; ${LATER}`);
  return pictures.map((path) => ({ source: path }));
}

async function fromFolder(source: string, options: ExpandOptions): Promise<SourceItem[]> {
  const entries = await readdir(source, { withFileTypes: true });
  const names = entries.filter((entry) => !entry.isDirectory() && !entry.name.startsWith(".")).map(({ name }) => name);
  const paths = names.sort(byName).map((name) => join(source, name));
  return picturesAmong(source, paths, options);
}

async function fromGlob(source: string, options: ExpandOptions): Promise<SourceItem[]> {
  const { glob } = await import("tinyglobby");
  const pattern = process.platform === "win32" ? source.replaceAll("\\", "/") : source;
  const paths = await glob(pattern, { absolute: isAbsolute(source), onlyFiles: true, expandDirectories: false });
  if (paths.length === 0) return [{ source, error: `${source}: matches no files` }];
  return picturesAmong(source, paths.sort(byName), options);
}

/** One source a line, relative to the current folder or else to the list's own; empty lines and # comments skipped. */
async function fromList(source: string, options: ExpandOptions, allowed: boolean): Promise<SourceItem[]> {
  if (!allowed) return [{ source, error: `${source}: is a list inside a list; name its pictures directly` }];
  const text = await readFile(source, "utf8");
  const lines = text.split(/\r?\n/).map((line) => line.replace(/^\ufeff/, "").trim());
  const entries = lines.filter((line) => line !== "" && !line.startsWith("#"));
  if (entries.length === 0) return [{ source, error: `${source}: lists no pictures; write one source a line` }];
  const items: SourceItem[] = [];
  for (const entry of entries) {
    const beside = join(dirname(source), entry);
    const here = await exists(entry);
    items.push(...(await expand(!here && (await exists(beside)) ? beside : entry, options, false)));
  }
  return items;
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
