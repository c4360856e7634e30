/** `--source` of `enqueue` → one line for each picture or video, which workers anywhere can resolve. */

import { createReadStream } from "node:fs";
import { access } from "node:fs/promises";
import { dirname, extname, isAbsolute, join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { readFailure, statRegular } from "../../node/files/regularFile.js";
import { isRemoteList, remoteListEntries } from "../detect/sources/remoteList.js";
import { expandSources } from "../detect/sources/sources.js";
import { InputError } from "../errors.js";

const ADDRESS = /^[a-z][a-z\d+.-]+:\/\//i;

/**
 * Lists are read line by line without opening the files in them, since they may have millions of entries.
 * @throws InputError for a source that names nothing.
 */
export async function* sourceLines(sources: readonly string[], signal: AbortSignal): AsyncGenerator<string> {
  for (const source of sources) {
    if (isRemoteList(source)) yield* await remoteListEntries(source, signal);
    else if (!ADDRESS.test(source) && extname(source).toLowerCase() === ".txt") yield* listLines(source);
    else {
      for (const item of await expandSources([source], { signal })) {
        if (item.error !== undefined) throw new InputError(item.error);
        yield absolute(item.address ?? item.source);
      }
    }
  }
}

async function* listLines(list: string): AsyncGenerator<string> {
  await statRegular(list).catch((error: unknown) => {
    const why = readFailure(error, list);
    throw new InputError(`${list}: ${why}; give a list of pictures, a folder, a glob or a URL`, { cause: error });
  });
  let number = 0;
  for await (const line of createInterface({ input: createReadStream(list), crlfDelay: Number.POSITIVE_INFINITY })) {
    number++;
    const entry = (number === 1 ? line.replace(/^\ufeff/, "") : line).trim();
    if (entry === "" || entry.startsWith("#")) continue;
    if (entry.includes("\ufffd") || entry.includes("\0")) {
      throw new InputError(`${list}:${number}: the line is not UTF-8; save the list as UTF-8`);
    }
    if (ADDRESS.test(entry) || isAbsolute(entry)) yield entry;
    else {
      // As detect looks for it: here, or else beside the list.
      const here = await access(entry).then(
        () => true,
        () => false,
      );
      yield here ? resolve(entry) : resolve(join(dirname(list), entry));
    }
  }
}

/** Cameras and screens belong to one machine. */
function absolute(source: string): string {
  return ADDRESS.test(source) ? source : resolve(source);
}
