/** Kernels of training; nothing of inference imports them. */

export * from "./maps.js";
export * from "./sums.js";
export * from "./weightGradient.js";
