export * from "./attributes.js";
export * from "./graph.js";
export * from "./op.js";
