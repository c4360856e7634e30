/** Checkpoint files → module trees and tensors; safetensors in both directions. Knows nothing of YOLO or of devices. */

export { readSafetensors, writeSafetensors } from "./formats/safetensors.js";
export { checkArchive } from "./formats/zip.js";
export { isTensor } from "./modules.js";
export { openCheckpoint } from "./open.js";
export { asPlainObject, collectStateDict, countParameters, moduleAt, walkModules } from "./tree.js";
export * from "./types.js";
