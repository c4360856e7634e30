/** Browser-only API, in Node: the same names, so that one import works in both, and an error when one is called. */

import type * as worker from "../browser/worker/loadInWorker.js";
import { UnsupportedError } from "../errors.js";

/** @throws UnsupportedError: Node has no web workers. */
export const loadInWorker: typeof worker.loadInWorker = async () => {
  throw new UnsupportedError("loadInWorker needs a web page or a web worker; in Node use load()", {
    name: "loadInWorker",
  });
};
