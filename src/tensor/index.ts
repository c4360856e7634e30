export * from "./compare.js";
export * from "./dtype.js";
export * from "./fittedPicture.js";
export * from "./half.js";
export * from "./tensor.js";
