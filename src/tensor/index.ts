export * from "./compare.js";
export * from "./dtype.js";
export * from "./half.js";
export * from "./later.js";
export * from "./random.js";
export * from "./tensor.js";
