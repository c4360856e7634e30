/** What `tune` found out, in a file of the cache folder: an object of tables by adapter, driver and shader texts. */

import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TuningStore } from "../runtime/webgpu/index.js";
import { cacheFolder } from "./knownModels.js";

const VERSION = 1;
/** Tables of old drivers and versions go when there are more; the newest stay. */
const MOST_TABLES = 8;

interface Contents {
  readonly version: number;
  readonly tables: Readonly<Record<string, string>>;
}

export const tuningPath = (): string => join(cacheFolder(), "webgpu-tuning.json");

/** The file's tables; none where it is missing, damaged or of another version: it is only a cache. */
async function readTables(): Promise<Record<string, string>> {
  try {
    const { version, tables } = JSON.parse(await readFile(tuningPath(), "utf8")) as Partial<Contents>;
    if (version !== VERSION || typeof tables !== "object" || tables === null) return {};
    return Object.fromEntries(Object.entries(tables).filter(([, text]) => typeof text === "string"));
  } catch {
    return {};
  }
}

/** Never throws: where the folder cannot be written, the next start measures again. */
export const tuningStore: TuningStore = {
  async load(key) {
    return (await readTables())[key];
  },
  async save(key, text) {
    const path = tuningPath();
    const partial = `${path}.${process.pid}.part`;
    try {
      const { [key]: _, ...others } = await readTables();
      const tables = Object.fromEntries([...Object.entries(others).slice(1 - MOST_TABLES), [key, text]]);
      await mkdir(cacheFolder(), { recursive: true });
      // Whoever reads meanwhile sees the old file or the new one, never a half.
      await writeFile(partial, JSON.stringify({ version: VERSION, tables } satisfies Contents));
      await rename(partial, path);
    } catch {
      await rm(partial, { force: true }).catch(() => undefined);
    }
  },
};
