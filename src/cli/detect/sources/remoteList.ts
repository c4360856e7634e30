/** A list of pictures on a server: one address per line, relative to the list. */

import { isHttp } from "../../../api/address.js";
import { decodeText } from "../../../node/files/textFile.js";
import { download } from "../../../node/net/download.js";

/** Far more than ten million lines take. */
const MOST_BYTES = 2 ** 31;

/** Whether an address is that of a list, by its extension. */
export function isRemoteList(source: string): boolean {
  return isHttp(source) && URL.canParse(source) && new URL(source).pathname.toLowerCase().endsWith(".txt");
}

/**
 * The entries of a list as addresses; empty lines and # comments are skipped.
 * @throws DownloadError.
 */
export async function remoteListEntries(address: string, signal: AbortSignal | undefined): Promise<string[]> {
  const text = decodeText(await download(address, { signal, maxBytes: MOST_BYTES }));
  const lines = text.split(/\r\n|\r|\n/).map((line) => line.trim());
  return lines
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => (URL.canParse(line, address) ? new URL(line, address).href : line));
}
