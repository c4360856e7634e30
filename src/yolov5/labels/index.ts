/** Results as the files of labelling tools. */

export { unpackBrush } from "./brushRle.js";
export { cocoLabels } from "./coco.js";
export { cvatImages, cvatVideo } from "./cvat.js";
export { keypointNames, type LabelledObject, type LabelledPicture, labelledObjects } from "./labelled.js";
export { labelStudioImages, labelStudioInterface, labelStudioVideo } from "./labelStudio.js";
export type { LabelledFrame, LabelledVideo } from "./videoTracks.js";
export { vocLabels } from "./voc.js";
