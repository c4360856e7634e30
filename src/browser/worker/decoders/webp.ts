/** Entry of the worker that decodes WebP for a model's worker. */

import { decodeWith } from "../../../image/decodeWith.js";
import { decodeWebp } from "../../../image/webp/decode.js";
import { answerPictures, runDecoderWorker } from "./serve.js";

runDecoderWorker(answerPictures((bytes, options) => decodeWith({ webp: decodeWebp }, bytes, options)));
