/** Descriptors of gradients that only move data, in dense row-major tensors. */

import { defineKernel, foldWorkgroups, type KernelCall } from "../kernel.js";
import sliceSource from "./slice_dense.wgsl";
import transposeSource from "./transpose_dense.wgsl";

const slice = defineKernel("slice_dense", sliceSource, { x: "read", y: "write" });
const transpose = defineKernel("transpose_dense", transposeSource, { x: "read", y: "write" });

/** Copies [outer, chunk] out of [outer, step] at `offset`; `count` = outer · chunk. */
export function sliceDenseCall(chunk: number, step: number, offset: number, count: number): KernelCall {
  return {
    kernel: slice,
    overrides: {},
    params: { chunk, step, offset, count },
    workgroups: foldWorkgroups(Math.ceil(count / 64)),
  };
}

/** Each of `outer` square matrices. */
export function transposeDenseCall(outer: number, size: number): KernelCall {
  const count = outer * size * size;
  return {
    kernel: transpose,
    overrides: {},
    params: { size, count },
    workgroups: foldWorkgroups(Math.ceil(count / 64)),
  };
}
