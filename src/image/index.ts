/** Pictures: decoding, resizing, encoding and drawing, in plain RGB bytes. Runs in Node and in browsers. */

export * from "./crop.js";
export * from "./decode.js";
export * from "./draw/index.js";
export * from "./encode.js";
export * from "./exif.js";
export * from "./limits.js";
export * from "./orient.js";
export * from "./resize/resize.js";
export * from "./resize/resizeAntialias.js";
export * from "./resize/resizeArea.js";
export * from "./sniff.js";
export * from "./types.js";
