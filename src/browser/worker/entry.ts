/** Entry of the worker of `loadInWorker`: dist/worker.js, also embedded as source in the browser entry. */

import * as webGpu from "../../runtime/webgpu/index.js";
import { loadModel } from "../loadModel.js";
import { RemoteDecoders } from "./decoders/remote.js";
import { serve } from "./host.js";
import type { FromHost, Port } from "./protocol.js";

const page: Port = {
  postMessage: (message, transfer = []) => globalThis.postMessage(message, { transfer: transfer as Transferable[] }),
  set onmessage(act: Port["onmessage"]) {
    globalThis.onmessage = act;
  },
};
const decoders = new RemoteDecoders((decoder, port) =>
  page.postMessage({ type: "decoder", decoder, port } satisfies FromHost, [port]),
);
serve(
  page,
  (sources, options) => loadModel(sources, options, decoders, async () => webGpu),
  (decoder, reason) => decoders.ended(decoder, reason),
);
