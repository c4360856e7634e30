export * from "./code.js";
export {
  type F32,
  type F32Like,
  f32,
  type I32,
  type I32Like,
  type I64,
  i32,
  i64,
  toF32,
  toI32,
  type Vec,
} from "./expression.js";
export * from "./function.js";
export * from "./module.js";
export * from "./vector.js";
