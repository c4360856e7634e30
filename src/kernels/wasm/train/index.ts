/** Kernels of training; nothing of inference imports them. */

export * from "./maps.js";
export * from "./normalize.js";
export * from "./products.js";
export * from "./sums.js";
export * from "./weightGradient.js";
