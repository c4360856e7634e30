/** Names that users may need: of the model in the package, and of what a page keeps. */

/** The model that ships with the package. */
export const EMBEDDED_MODEL = "codes";

/** The cache in a page's Cache Storage that `load(…, { cache: true })` fills, for pages that want to clear it. */
export const CACHE_NAME = "yolov5-ts";
