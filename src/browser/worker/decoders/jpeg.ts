/** Entry of the worker that decodes JPEG for a model's worker. */

import { decodeWith } from "../../../image/decodeWith.js";
import { decodeJpeg } from "../../../image/jpeg/decode.js";
import { answerPictures, runDecoderWorker } from "./serve.js";

runDecoderWorker(answerPictures((bytes, options) => decodeWith({ jpeg: decodeJpeg }, bytes, options)));
