/**
 * The text of the model's worker (`entry.ts`, bundled) without the shaders, which it takes from `globalThis.yolov5Shaders`;
 * imported when one is started. The build puts it here.
 */

declare const __MODEL_PROGRAM__: string;

export const PROGRAM: string = typeof __MODEL_PROGRAM__ === "undefined" ? "" : __MODEL_PROGRAM__;
