/** Entry of the worker that decodes BMP, GIF, PNM and TIFF for a model's worker. */

import { decodeWith } from "../../../image/decodeWith.js";
import { decodeBmp } from "../../../image/formats/bmp.js";
import { decodeGif } from "../../../image/formats/gif.js";
import { decodePnm } from "../../../image/formats/pnm.js";
import { decodeTiff } from "../../../image/formats/tiff.js";
import { answerPictures, runDecoderWorker } from "./serve.js";

const decoders = { bmp: decodeBmp, gif: decodeGif, pnm: decodePnm, tiff: decodeTiff };
runDecoderWorker(answerPictures((bytes, options) => decodeWith(decoders, bytes, options)));
