/** The system's font files in a stable order, those likely to cover many scripts first. */

import { readdir } from "node:fs/promises";
import { platform } from "node:os";
import { basename, join } from "node:path";
import { homeFolder } from "../files/homeFolder.js";

/** Names of fonts with wide coverage, the best first. */
const PREFERRED: readonly RegExp[] = [
  /notosanscjk|sourcehansans/,
  /notosans(sc|tc|jp|kr)|pingfang|hiragino sans gb|msyh|microhei|zenhei/,
  /arial ?uni|droidsansfallback/,
  /malgun|applesdgothic|nanumgothic\.|ipag\.|ipaexg|meiryo|yugoth|msgothic|simhei|stheiti|simsun/,
  /notosansarabic|notokufi|notonaskh|geeza|tahoma|segoeui\.|amiri-regular|dejavusans\./,
  /notosans/,
  /unifont|freesans\.|arial\./,
];
/** Weights and styles not used for labels. */
const UNUSUAL = /bold|black|italic|oblique|light|thin|heavy|mono|condensed|serif/;
const FONT = /\.(ttf|otf|ttc|otc)$/i;
const MAX_DEPTH = 6;
const MAX_FILES = 20_000;

function folders(): string[] {
  // A folder that is not there for a user without a home.
  const home = homeFolder() ?? "/nonexistent";
  const { env } = process;
  switch (platform()) {
    case "darwin":
      return ["/System/Library/Fonts", "/Library/Fonts", join(home, "Library", "Fonts")];
    case "win32":
      return [
        join(env.WINDIR ?? "C:\\Windows", "Fonts"),
        join(env.LOCALAPPDATA ?? join(home, "AppData", "Local"), "Microsoft", "Windows", "Fonts"),
      ];
    default: {
      const data = (env.XDG_DATA_DIRS ?? "/usr/local/share:/usr/share").split(":").filter((folder) => folder !== "");
      const own = env.XDG_DATA_HOME ?? join(home, ".local", "share");
      return [...data, own].map((folder) => join(folder, "fonts")).concat(join(home, ".fonts"));
    }
  }
}

function rank(path: string): number {
  const name = basename(path).toLowerCase();
  const place = PREFERRED.findIndex((pattern) => pattern.test(name));
  return (place < 0 ? PREFERRED.length : place) + (UNUSUAL.test(name) ? 100 : 0);
}

/** @param roots folders to search recursively. */
export async function systemFonts(roots: readonly string[] = folders()): Promise<string[]> {
  const found: string[] = [];
  const walk = async (folder: string, depth: number): Promise<void> => {
    const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
    for (const entry of entries) {
      if (found.length >= MAX_FILES) return;
      const path = join(folder, entry.name);
      if (entry.isDirectory() && depth < MAX_DEPTH) await walk(path, depth + 1);
      else if ((entry.isFile() || entry.isSymbolicLink()) && FONT.test(entry.name)) found.push(path);
    }
  };
  for (const root of roots) await walk(root, 0);
  return found.sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
}
