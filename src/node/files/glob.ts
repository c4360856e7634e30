/**
 * Matches paths like Python's `glob`, which detect.py uses: only `*`, `?`, `[abc]`, `[!abc]`, and `**` as a whole
 * path segment are special. Shell-style libraries also interpret parentheses, braces and `!`.
 */

import { readdir, realpath, stat } from "node:fs/promises";
import { join } from "node:path";

const WINDOWS = process.platform === "win32";

export const isGlob = (text: string): boolean => /[*?[]/.test(text);

/**
 * All matching files, in no particular order. Links are followed; unreadable folders count as empty.
 * @throws the signal's reason once it is aborted: `**` may lead through a whole file system.
 */
export async function globFiles(pattern: string, signal?: AbortSignal): Promise<string[]> {
  const parts = pattern.split(WINDOWS ? /[/\\]+/ : /\/+/);
  const absolute = parts[0] === "" || (WINDOWS && /^[a-z]:$/i.test(parts[0]));
  const segments = absolute ? parts.slice(1) : parts;
  if (segments[segments.length - 1] === "**") segments.push("*");
  // Part by part, each path once: several ** in a row would find the same ones again and again.
  let paths = new Set([absolute ? `${parts[0]}/` : ""]);
  for (const segment of segments) {
    const next = new Set<string>();
    for (const folder of paths) {
      signal?.throwIfAborted();
      if (segment === "**") await addFoldersBelow(folder, [], next, signal);
      else for (const path of await matches(folder, segment)) next.add(path);
    }
    paths = next;
  }
  const files: string[] = [];
  for (const path of paths) {
    signal?.throwIfAborted();
    if (await isFileOrBroken(path)) files.push(path);
  }
  return files;
}

async function matches(folder: string, part: string): Promise<string[]> {
  if (!isGlob(part)) {
    const path = join(folder, part);
    return (await kindOf(path)) === "none" ? [] : [path];
  }
  const test = matcherOf(part);
  const names = (await namesIn(folder)).filter((name) => isShown(name, part) && test(name));
  return names.map((name) => join(folder, name));
}

/** A leading dot is only matched by a literal dot. */
const isShown = (name: string, part: string): boolean => !name.startsWith(".") || part.startsWith(".");

/** Adds the folder itself and all non-hidden folders below it; skips links that lead back to a parent. */
async function addFoldersBelow(
  folder: string,
  above: readonly string[],
  found: Set<string>,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (found.has(folder)) return;
  const real = await realpath(folder === "" ? "." : folder).catch(() => undefined);
  if (real === undefined || above.includes(real)) return;
  found.add(folder);
  for (const name of await namesIn(folder)) {
    signal?.throwIfAborted();
    const path = join(folder, name);
    if (!name.startsWith(".") && (await kindOf(path)) === "folder")
      await addFoldersBelow(path, [...above, real], found, signal);
  }
}

const namesIn = (folder: string): Promise<string[]> => readdir(folder === "" ? "." : folder).catch(() => []);

async function kindOf(path: string): Promise<"file" | "folder" | "other" | "none"> {
  const found = await stat(path).catch(() => undefined);
  if (!found) return "none";
  return found.isDirectory() ? "folder" : found.isFile() ? "file" : "other";
}

/** Pipes and devices never end. A broken link is reported when its turn comes. */
async function isFileOrBroken(path: string): Promise<boolean> {
  return ["file", "none"].includes(await kindOf(path));
}

type Matcher = (text: string) => boolean;
const ANY = "*";

/**
 * One path segment. An unclosed bracket is literal, and so is a leading `]`. Not one regular expression: several `*` take it
 * exponential time on names that almost match.
 */
function matcherOf(part: string): Matcher {
  const pieces: (RegExp | typeof ANY)[] = [];
  const flags = WINDOWS ? "isu" : "su";
  const escaped = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
  for (let i = 0; i < part.length; ) {
    const set = part[i] === "[" ? /^\[(!?)(\]?[^\]]*)\]/.exec(part.slice(i)) : null;
    if (set && set[2] !== "") {
      // A reversed range is empty, as in Python.
      const members = set[2].replace(/(.)-(.)|./gsu, (text, from?: string, to?: string) =>
        from === undefined || to === undefined ? escaped(text) : from <= to ? `${escaped(from)}-${escaped(to)}` : "",
      );
      pieces.push(new RegExp(`^[${set[1] === "" ? "" : "^"}${members}]$`, flags));
      i += set[0].length;
      continue;
    }
    const character = String.fromCodePoint(part.codePointAt(i) ?? 0);
    if (character === "*") pieces.push(ANY);
    else pieces.push(new RegExp(`^${character === "?" ? "." : escaped(character)}$`, flags));
    i += character.length;
  }
  return (text) => matchesPieces([...text], pieces);
}

/** Where a piece does not match, the last `*` takes one character more: those before it need not be tried again. */
function matchesPieces(characters: readonly string[], pieces: readonly (RegExp | typeof ANY)[]): boolean {
  let [at, piece, star, tried] = [0, 0, -1, 0];
  while (at < characters.length) {
    const own = pieces[piece];
    if (own === ANY) {
      star = piece++;
      tried = at;
    } else if (own?.test(characters[at])) {
      piece++;
      at++;
    } else if (star >= 0) {
      piece = star + 1;
      at = ++tried;
    } else return false;
  }
  return pieces.slice(piece).every((own) => own === ANY);
}
