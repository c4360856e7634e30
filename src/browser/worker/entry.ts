/** What runs in the worker of `loadInWorker`: dist/worker.js, and the text that the browser entry carries. */

import { loadModel } from "../loadModel.js";
import { RemoteDecoders } from "./decoders/remote.js";
import { serve } from "./host.js";
import type { FromHost, Port } from "./protocol.js";

const page = globalThis as unknown as Port;
const decoders = new RemoteDecoders((decoder, port) =>
  page.postMessage({ type: "decoder", decoder, port } satisfies FromHost, [port]),
);
serve(
  page,
  (sources, options) => loadModel(sources, options, decoders.decode),
  (decoder, reason) => decoders.ended(decoder, reason),
);
