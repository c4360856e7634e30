/** The results of `tune`, in a file in the cache folder: one table per adapter, driver and set of shader sources. */

import { join } from "node:path";
import type { TuningStore } from "../runtime/webgpu/index.js";
import { cacheFolder } from "./files/cacheFolder.js";
import { readTextFile } from "./files/textFile.js";
import { writeAtomically } from "./files/writeFile.js";

const VERSION = 1;
/** Maximum number of tables; the oldest are dropped. */
const MOST_TABLES = 8;

interface Contents {
  readonly version: number;
  readonly tables: Tables;
}

export const tuningPath = (): string => join(cacheFolder(), "webgpu-tuning.json");

type Tables = Readonly<Record<string, string>>;

/** @throws if the text is not a tuning file of this version. */
function parseTables(text: string): Tables {
  const { version, tables } = (JSON.parse(text) ?? {}) as Partial<Contents>;
  if (version !== VERSION) throw new Error(`its version is ${version}, not ${VERSION}`);
  if (typeof tables !== "object" || tables === null) throw new Error("it has no tables");
  return Object.fromEntries(Object.entries(tables).filter(([, table]) => typeof table === "string"));
}

/** The file's tables; none if it is missing, damaged or from another version: it is only a cache. */
async function readTables(onNote: (note: string) => void): Promise<Tables> {
  let text: string;
  try {
    text = await readTextFile(tuningPath());
  } catch {
    return {};
  }
  try {
    return parseTables(text);
  } catch (error) {
    onNote(`${tuningPath()} is not used: ${(error as Error).message}; --tune rewrites it`);
    return {};
  }
}

/**
 * Never throws: if the folder is not writable, the next start measures again. `onNote` is called for an unusable
 * file.
 */
export function fileTuningStore(onNote: (note: string) => void = () => undefined): TuningStore {
  return {
    async load(key) {
      return (await readTables(onNote))[key];
    },
    async save(key, text) {
      try {
        const { [key]: _, ...others } = await readTables(() => undefined);
        const tables = Object.fromEntries([...Object.entries(others).slice(1 - MOST_TABLES), [key, text]]);
        const contents: Contents = { version: VERSION, tables };
        await writeAtomically(tuningPath(), JSON.stringify(contents));
      } catch {
        // It is only a cache.
      }
    },
  };
}
