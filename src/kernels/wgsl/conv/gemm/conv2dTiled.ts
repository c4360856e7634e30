/** Descriptors of `conv2d_tiled.wgsl` and `conv2d_1x1.wgsl`: convolutions without groups on GPUs. */

import { defineKernel, foldWorkgroups, type Kernel, type KernelCall, sourceText } from "../../kernel.js";
import { activationOverrides } from "../../map/activation.js";
import activation from "../../map/activation.wgsl";
import { pixelCount } from "../../stored.js";
import { type ConvKernel, type ConvProblem, inputKey, packTiles, RESIDUAL_WORD } from "../convProblem.js";
import { type ConvTile, tileGrid, tileHeader, tileName, tileQuads, tileWork } from "../convTiles.js";
import pointwiseSource from "./conv2d_1x1.wgsl";
import tiledSource from "./conv2d_tiled.wgsl";

const bindings = { x: "read", weight: "read", bias: "read", residual: "read", y: "write" } as const;
const tiled = defineKernel("conv2d_tiled", tiledSource, bindings, { modules: [activation] });
const pointwise = defineKernel("conv2d_1x1", pointwiseSource, bindings, { modules: [activation] });

function sizes({ input, output, residual }: ConvProblem): Record<string, number> {
  return {
    IN_PLANE: input.plane,
    IN_QUADS: input.quads,
    OUT_PLANE: output.plane,
    OUT_PIXELS: pixelCount(output),
    OUT_QUADS: output.quads,
    RESIDUAL: RESIDUAL_WORD[residual],
  };
}

function windowSizes({ input, output, kernel, stride, padding, dilation }: ConvProblem): Record<string, number> {
  return {
    IN_HEIGHT: input.height,
    IN_WIDTH: input.width,
    OUT_HEIGHT: output.height,
    OUT_WIDTH: output.width,
    KERNEL_HEIGHT: kernel[0],
    KERNEL_WIDTH: kernel[1],
    STRIDE_Y: stride[0],
    STRIDE_X: stride[1],
    PADDING_Y: padding[0],
    PADDING_X: padding[1],
    DILATION_Y: dilation[0],
    DILATION_X: dilation[1],
  };
}

function call(kernel: Kernel, problem: ConvProblem, tile: ConvTile, overrides: Record<string, number>): KernelCall {
  const [x, y] = tileGrid(problem, tile);
  return {
    kernel,
    overrides: { ...activationOverrides(problem.activation), ...sizes(problem), ...overrides },
    header: tileHeader(tile),
    workgroups: foldWorkgroups(x, y),
    variant: tileName(tile),
  };
}

/** The kernel with one tile shape. */
export function conv2dTiled(tile: ConvTile): ConvKernel {
  const quads = tileQuads(tile);
  return {
    name: tiled.name,
    features: [],
    text: sourceText(tiled),
    supports: (problem) => problem.groups === 1,
    call: (problem) => call(tiled, problem, tile, windowSizes(problem)),
    work: (problem) => tileWork(problem, tile, 24),
    packing: (problem) => `tiles${quads}:${inputKey(problem)}`,
    pack: (weight, problem) => packTiles(weight, problem, quads),
    biasQuads: (problem) => Math.ceil(problem.output.quads / quads) * quads,
  };
}

/** As `conv2dTiled`, for 1×1 windows of stride 1 without padding. */
export function conv2d1x1(tile: ConvTile): ConvKernel {
  const general = conv2dTiled(tile);
  return {
    ...general,
    name: pointwise.name,
    text: sourceText(pointwise),
    supports: ({ groups, kernel, stride, padding }) =>
      groups === 1 && [...kernel, ...stride].every((v) => v === 1) && padding.every((v) => v === 0),
    call: (problem) => call(pointwise, problem, tile, {}),
    work: (problem) => tileWork(problem, tile, 4),
  };
}
