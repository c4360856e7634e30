/**
 * Matches paths like Python's `glob`, which detect.py uses: only `*`, `?`, `[abc]`, `[!abc]`, and `**` as a whole
 * path segment are special. Shell-style libraries also interpret parentheses, braces and `!`.
 */

import { readdir, realpath, stat } from "node:fs/promises";
import { join } from "node:path";

const WINDOWS = process.platform === "win32";

export const isGlob = (text: string): boolean => /[*?[]/.test(text);

/** All matching files, in no particular order. Links are followed; unreadable folders count as empty. */
export async function globFiles(pattern: string): Promise<string[]> {
  const parts = pattern.split(WINDOWS ? /[/\\]+/ : /\/+/);
  const absolute = parts[0] === "" || (WINDOWS && /^[a-z]:$/i.test(parts[0]));
  const root = absolute ? `${parts[0]}/` : "";
  const found = await matches(root, absolute ? parts.slice(1) : parts);
  return [...new Set(found)];
}

async function matches(folder: string, [part, ...rest]: readonly string[]): Promise<string[]> {
  const last = rest.length === 0;
  const next = (path: string): Promise<string[]> =>
    last ? isFileOrBroken(path).then((file) => (file ? [path] : [])) : matches(path, rest);
  if (part === "**") {
    const below = await foldersBelow(folder, []);
    const following = last ? ["*"] : rest;
    return (await Promise.all(below.map((path) => matches(path, following)))).flat();
  }
  if (!isGlob(part)) {
    const path = join(folder, part);
    return (await kindOf(path)) === "none" ? [] : next(path);
  }
  const test = expressionOf(part);
  const names = (await namesIn(folder)).filter((name) => test.test(name) && isShown(name, part));
  const all: string[] = [];
  for (const name of names) all.push(...(await next(join(folder, name))));
  return all;
}

/** A leading dot is only matched by a literal dot. */
const isShown = (name: string, part: string): boolean => !name.startsWith(".") || part.startsWith(".");

/** The folder itself and all non-hidden folders below it; skips links that lead back to a parent. */
async function foldersBelow(folder: string, above: readonly string[]): Promise<string[]> {
  const real = await realpath(folder === "" ? "." : folder).catch(() => undefined);
  if (real === undefined || above.includes(real)) return [];
  const all = [folder];
  for (const name of await namesIn(folder)) {
    const path = join(folder, name);
    if (!name.startsWith(".") && (await kindOf(path)) === "folder") {
      all.push(...(await foldersBelow(path, [...above, real])));
    }
  }
  return all;
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

/** One path segment. An unclosed bracket is literal, and so is a leading `]`. */
function expressionOf(part: string): RegExp {
  const escaped = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
  let source = "";
  for (let i = 0; i < part.length; i++) {
    const set = part[i] === "[" ? /^\[(!?)(\]?[^\]]*)\]/.exec(part.slice(i)) : null;
    if (set && set[2] !== "") {
      // A reversed range is empty, as in Python.
      const members = set[2].replace(/(.)-(.)|./gsu, (text, from?: string, to?: string) =>
        from === undefined || to === undefined ? escaped(text) : from <= to ? `${escaped(from)}-${escaped(to)}` : "",
      );
      source += `[${set[1] === "" ? "" : "^"}${members}]`;
      i += set[0].length - 1;
    } else source += part[i] === "*" ? ".*" : part[i] === "?" ? "." : escaped(part[i]);
  }
  return new RegExp(`^${source}$`, WINDOWS ? "isu" : "su");
}
