/** What the parts of the Winograd kernel share: its arguments, its scratch memory, where the tile at hand lies. */

import { type FunctionBuilder, type I32Local, i32, type VecLocal, vec } from "../emit/index.js";
import { type KernelBody, SINK_BYTES } from "../kernel.js";
import { planesOf, type WinogradScheme } from "./winogradSchemes.js";

export const WINOGRAD_FIELDS = [
  "x",
  "xPixel",
  "xRow",
  "xImage",
  "inHeight",
  "inWidth",
  "padY",
  "padX",
  "tilesX",
  "tilesPerImage",
  "tiles",
  "blockTiles",
  "depth",
  "panelBlocks",
  "panelsPerBlock",
  "weights",
  "panelBytes",
  "panels",
  "half",
  "bias",
  "out",
  "outPixel",
  "outRow",
  "outImage",
  "outHeight",
  "outWidth",
  "residual",
  "residualPixel",
  "residualRow",
  "residualImage",
] as const;
export type WinogradField = (typeof WINOGRAD_FIELDS)[number];

/** Bytes of a tile of vectors between the two passes of a transform. */
export const betweenBytes = (scheme: WinogradScheme): number => planesOf(scheme) * 16;

/** Scratch bytes for blocks of `tiles` output tiles (a multiple of 4) over `depth` channels. */
export function winogradScratch(scheme: WinogradScheme, tiles: number, depth: number): number {
  const planes = planesOf(scheme);
  return SINK_BYTES + betweenBytes(scheme) + planes * depth * 4 + planes * tiles * (depth + 8) * 4;
}

/** `count` loads from `address` on, `step` bytes apart. */
export function loads(f: FunctionBuilder, address: I32Local, count: number, step: number): VecLocal[] {
  return Array.from({ length: count }, (_, i) => f.vec(vec.load(address, i * step)));
}

/** Locals that all parts of the kernel share. */
export interface WinogradLocals {
  /** First output tile of the block and how many there are. */
  readonly first: I32Local;
  readonly count: I32Local;
  /** Index within the block of the tile at hand, and where it is. */
  readonly t: I32Local;
  readonly image: I32Local;
  readonly tileY: I32Local;
  readonly tileX: I32Local;
  readonly depthBytes: I32Local;
  readonly between: I32Local;
  readonly patch: I32Local;
  readonly v: I32Local;
  readonly planeBytes: I32Local;
  readonly m: I32Local;
}

/** Where tile `t` of the block lies. */
export function locate(k: KernelBody<WinogradField>, s: WinogradLocals): void {
  const { f } = k;
  const tile = f.i32(i32.add(s.first, s.t));
  f.set(s.image, i32.divU(tile, k.arg("tilesPerImage")));
  const rest = f.i32(i32.sub(tile, i32.mul(s.image, k.arg("tilesPerImage"))));
  f.set(s.tileY, i32.divU(rest, k.arg("tilesX")));
  f.set(s.tileX, i32.sub(rest, i32.mul(s.tileY, k.arg("tilesX"))));
}
