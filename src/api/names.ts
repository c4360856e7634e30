/** Names that users may need: the embedded model, and the cache of a page. */

/** The model that ships with the package. */
export const EMBEDDED_MODEL = "codes";

/** The cache in Cache Storage that `load(…, { cache: true })` fills, for pages that want to clear it. */
export const CACHE_NAME = "yolov5-ts";
