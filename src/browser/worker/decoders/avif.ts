/** Entry of the worker that decodes AVIF for a model's worker. */

import { decodeAvif } from "../../../image/avif/decode.js";
import { decodeWith } from "../../../image/decodeWith.js";
import { answerPictures, runDecoderWorker } from "./serve.js";

runDecoderWorker(answerPictures((bytes, options) => decodeWith({ avif: decodeAvif }, bytes, options)));
