/** The page's part of the API in Node: the same names, so that one import serves both, and a sentence when one is called. */

import type * as worker from "../browser/worker/loadInWorker.js";
import { UnsupportedError } from "../errors.js";

/** @throws UnsupportedError: workers of pages are not Node's. */
export const loadInWorker: typeof worker.loadInWorker = async () => {
  throw new UnsupportedError("loadInWorker needs a page or a worker of one; in Node use load()", {
    name: "loadInWorker",
  });
};
