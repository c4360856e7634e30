/** Code that is imported when it is called, and what to say if that fails. */

import { DownloadError, UnsupportedError } from "../errors.js";

/**
 * A chunk that is being imported.
 * @throws UnsupportedError in service workers; DownloadError if the chunk cannot be fetched.
 */
export async function imported<Module>(chunk: Promise<Module>): Promise<Module> {
  try {
    return await chunk;
  } catch (cause) {
    if ("ServiceWorkerGlobalScope" in globalThis) {
      throw new UnsupportedError(
        "service workers cannot use import(); import from yolov5-ts/service-worker, or bundle into one file",
      );
    }
    const said = cause instanceof Error ? cause.message : String(cause);
    throw new DownloadError(
      `a chunk of yolov5-ts could not be imported (${said}); host all its chunks, and reload the page if it was updated meanwhile`,
      {},
      { cause },
    );
  }
}
