export * from "./code.js";
export {
  type F32,
  f32,
  type I32,
  type I32Like,
  i32,
  i64,
  type Vec,
} from "./expression.js";
export * from "./function.js";
export * from "./module.js";
export * from "./vector.js";
