/** Entry of the worker that decodes AVIF for a model's worker. */

import { decodeAvif } from "../../../image/avif/decode.js";
import { decodeWith } from "../../../image/decodeWith.js";
import { runDecoderWorker } from "./serve.js";

runDecoderWorker((bytes, options) => decodeWith({ avif: decodeAvif }, bytes, options));
