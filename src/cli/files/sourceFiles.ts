/** Which files a run wrote for each source, so that `merge` can give them the names that one process would. */

import { relative, sep } from "node:path";
import type { Place } from "./runPaths.js";

/** The files of one picture or video. */
export interface SourceFiles {
  /** The name that they were to have, and the one that was free. */
  readonly name: string;
  readonly stem: string;
  /** Where the stem had to be free; folders are relative to the run's, as are `files`, with `/`. */
  readonly places: readonly Place[];
  readonly files: readonly string[];
}

/** Collects them in the order of the sources. */
export class SourceFilesLog {
  readonly entries: SourceFiles[] = [];

  /**
   * @param root the run's folder.
   * @returns takes the path of each file that is written.
   */
  begin(root: string, name: string, stem: string, places: readonly Place[]): (path: string) => void {
    const files: string[] = [];
    const inside = (path: string): string => relative(root, path).split(sep).join("/");
    const own = places.map(({ folder, ending }) => ({ folder: inside(folder), ending }));
    this.entries.push({ name, stem, places: own, files });
    return (path) => void files.push(inside(path));
  }
}
