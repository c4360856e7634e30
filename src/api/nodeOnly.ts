/** Node-only API, outside Node: the same names, so that one import works in both, and an error when one is called. */

import { UnsupportedError } from "../errors.js";
import type * as encoding from "../image/encode.js";
import type * as classification from "../node/datasets/classification.js";
import type * as datasets from "../node/datasets/open.js";
import type * as distillation from "../node/distill.js";
import type * as models from "../node/knownModels.js";
import type * as fonts from "../node/pictures/labelFont.js";
import type * as saving from "../node/pictures/savePicture.js";
import type * as serving from "../node/serve/createServer.js";
import type * as probe from "../node/video/probe.js";
import type * as reading from "../node/video/readVideo.js";
import type * as writing from "../node/video/writeVideo.js";

function missing(name: string, instead: string): () => never {
  return () => {
    throw new UnsupportedError(`${name} needs Node; in a page ${instead}`, { name });
  };
}

const DATASET = "pass evaluate() an array of samples";
const CANVAS = "draw on a canvas and use canvas.toBlob";
const VIDEO = "pass a <video> to model.detect";

export const openClassificationDataset: typeof classification.openClassificationDataset = missing(
  "openClassificationDataset",
  DATASET,
);
export const openDataset: typeof datasets.openDataset = missing("openDataset", DATASET);
export const knownModelNames: typeof models.knownModelNames = missing(
  "knownModelNames",
  "load a checkpoint by its URL or file",
);
export const openLabelFont: typeof fonts.openLabelFont = missing("openLabelFont", "pass annotate a CSS fontFamily");
export const distill: typeof distillation.distill = missing("distill", "load a student that was trained in Node");
export const savePicture: typeof saving.savePicture = missing("savePicture", CANVAS);
export const encodeJpeg: typeof encoding.encodeJpeg = missing("encodeJpeg", CANVAS);
export const encodePng: typeof encoding.encodePng = missing("encodePng", CANVAS);
export const probeVideo: typeof probe.probeVideo = missing("probeVideo", VIDEO);
export const readVideo: typeof reading.readVideo = missing("readVideo", VIDEO);
export const createServer: typeof serving.createServer = missing("createServer", "load the model and call detect");
/** Node's class, through its only entry point, `open`. */
export const VideoWriter: Pick<typeof writing.VideoWriter, "open" | "prototype"> = {
  open: missing("VideoWriter", "record a canvas with MediaRecorder"),
  prototype: undefined as never,
};
export type VideoWriter = writing.VideoWriter;
