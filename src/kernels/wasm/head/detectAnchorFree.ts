/**
 * Decoding of one level of a head without anchors, NHWC to rows of [box, classes…, masks or keypoints…]: distances as means
 * over their bins, σ of the classes, keypoints beside their cell. A tile is one row of the map.
 */

import { type F32, f32, type I32, i32, type Vec, vec } from "../emit/index.js";
import { type Kernel, kernel } from "../kernel.js";
import { exp } from "../map/math.js";
import { headSigmoid, sigmoidRows } from "./sigmoid.js";

const FIELDS = [
  "boxes",
  "boxPixel",
  "scores",
  "scorePixel",
  "extras",
  "extraPixel",
  "height",
  "width",
  "bins",
  "binTable",
  "classes",
  "columns",
  "out",
  "imageBytes",
  "levelBytes",
  "stride",
] as const;
export type DetectAnchorFreeField = (typeof FIELDS)[number];

export interface DetectAnchorFreeVariant {
  /** Whether distances are distributions, and of a multiple of four bins. */
  readonly bins: "none" | "some" | "fours";
  readonly corners: boolean;
  /** Further values as they are, or keypoints of two or three numbers. */
  readonly extras: "none" | "plain" | 2 | 3;
}

const laneSum = (v: Vec): F32 => [0, 1, 2, 3].map((l) => vec.lane(v, l)).reduce((a, b) => f32.add(a, b));

export const detectAnchorFreeKernel = (variant: DetectAnchorFreeVariant): Kernel<DetectAnchorFreeField> =>
  kernel(`detectAnchorFree ${variant.bins} ${variant.corners} ${variant.extras}`, FIELDS, (k) => {
    const { f } = k;
    const { bins, corners, extras } = variant;
    const height = k.local("height");
    const width = k.local("width");
    const image = f.i32(i32.divU(k.tile, height));
    const y = f.i32(i32.sub(k.tile, i32.mul(image, height)));
    const rowBytes = f.i32(i32.shl(k.arg("columns"), 2));
    const pixelsBefore = f.i32(i32.mul(k.tile, width));
    const start = (map: "boxes" | "scores" | "extras", pixel: "boxPixel" | "scorePixel" | "extraPixel") =>
      f.i32(i32.add(k.arg(map), i32.mul(pixelsBefore, k.arg(pixel))));
    const [boxes, scores, others] = [
      start("boxes", "boxPixel"),
      start("scores", "scorePixel"),
      start("extras", "extraPixel"),
    ];
    const level = i32.add(i32.add(k.arg("out"), k.arg("levelBytes")), i32.mul(image, k.arg("imageBytes")));
    const out = f.i32(i32.add(level, i32.mul(i32.mul(y, width), rowBytes)));
    const scoreBytes = f.i32(i32.shl(k.arg("classes"), 2));
    const binBytes = f.i32(i32.shl(k.arg("bins"), 2));
    const stride = k.float("stride");
    const decode = sigmoidRows(f, scoreBytes);
    const x = f.i32();
    const offset = f.i32();
    const at = f.i32();
    const sum = f.vec(vec.splat(0));
    const weighted = f.vec(vec.splat(0));
    const top = f.f32(f32.const(0));

    // Four bins at a time, or one in all four lanes.
    const load = (address: I32): Vec =>
      bins === "fours" ? vec.load(f.i32(address)) : vec.splat(f32.load(f.i32(address)));
    const total = (v: Vec): F32 => (bins === "fours" ? laneSum(v) : vec.lane(v, 0));
    const distance = (side: number): F32 => {
      if (bins === "none") return f32.load(boxes, side * 4);
      f.set(at, i32.add(boxes, i32.mul(binBytes, side)));
      f.setF32(top, f32.load(at));
      f.for(offset, 4, binBytes, 4, () => f.setF32(top, f32.max(top, f32.load(f.i32(i32.add(at, offset))))));
      f.setVec(sum, vec.splat(0));
      f.setVec(weighted, vec.splat(0));
      f.for(offset, 0, binBytes, bins === "fours" ? 16 : 4, () => {
        const e = exp(f, vec.sub(load(i32.add(at, offset)), vec.splat(top)));
        f.setVec(sum, vec.add(sum, e));
        f.setVec(weighted, vec.madd(e, load(i32.add(k.arg("binTable"), offset)), weighted));
      });
      return f32.div(total(weighted), total(sum));
    };

    f.for(x, 0, width, 1, () => {
      // Of fewer classes than four, this reaches into the box, which is written afterwards.
      decode(scores, f.i32(i32.add(out, 16)));
      const centre = [x, y].map((position) => f.f32(f32.add(f32.fromI32(position), 0.5)));
      const [x1, y1, x2, y2] = [0, 1, 2, 3].map((side) => {
        const reach = f.f32(distance(side));
        return f.f32(side < 2 ? f32.sub(centre[side], reach) : f32.add(centre[side - 2], reach));
      });
      const box = corners
        ? [x1, y1, x2, y2]
        : [f32.mul(f32.add(x1, x2), 0.5), f32.mul(f32.add(y1, y2), 0.5), f32.sub(x2, x1), f32.sub(y2, y1)];
      for (const [i, value] of box.entries()) f.storeF32(out, f32.mul(value, stride), i * 4);
      if (extras !== "none") {
        const end = f.i32(i32.add(out, rowBytes));
        f.set(offset, others);
        f.for(at, f.i32(i32.add(i32.add(out, 16), scoreBytes)), end, extras === "plain" ? 4 : extras * 4, () => {
          if (extras === "plain") f.storeF32(at, f32.load(offset));
          else {
            for (const [i, position] of [x, y].entries()) {
              const value = f32.add(f32.mul(f32.load(offset, i * 4), 2), f32.fromI32(position));
              f.storeF32(at, f32.mul(value, stride), i * 4);
            }
            if (extras === 3) {
              f.storeF32(at, vec.lane(headSigmoid(f, vec.splat(f32.load(offset, 8))), 0), 8);
            }
          }
          f.increase(offset, extras === "plain" ? 4 : extras * 4);
        });
      }
      f.increase(boxes, k.arg("boxPixel"));
      f.increase(scores, k.arg("scorePixel"));
      f.increase(others, k.arg("extraPixel"));
      f.increase(out, rowBytes);
    });
  });
