/** Kernels of gradients. Not in the index of `wgsl`, so that pages do not carry them. */

export * from "./maps.js";
export * from "./moves.js";
export * from "./sums.js";
export * from "./weightGradient.js";
