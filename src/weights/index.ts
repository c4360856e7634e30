/** Checkpoint files → module trees and tensors; safetensors in both directions. Knows nothing of YOLO or of devices. */

export { readSafetensors, type Safetensors, writeSafetensors } from "./formats/safetensors.js";
export { isModule, isOpaque, isTensor } from "./modules.js";
export { type OpenOptions, openCheckpoint } from "./open.js";
export { asPlainObject, collectStateDict, countParameters, type JsonValue, moduleAt, walkModules } from "./tree.js";
export * from "./types.js";
