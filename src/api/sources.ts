/**
 * What `load` and `detect` accept, in Node and in pages. Elements and frames are typed structurally, so that the
 * types compile in projects without the DOM library; DOM types are assignable.
 */

import type { PlainPicture } from "../yolov5/input/plainPicture.js";

/** A loaded `<img>`. */
export interface ImageElementLike {
  readonly naturalWidth: number;
  readonly naturalHeight: number;
}

/** A `<video>` that has a frame. */
export interface VideoElementLike {
  readonly videoWidth: number;
  readonly videoHeight: number;
}

/** A WebCodecs `VideoFrame`. */
export interface VideoFrameLike {
  readonly displayWidth: number;
  readonly displayHeight: number;
  close(): void;
}

/** An `ImageBitmap`. */
export interface ImageBitmapLike {
  readonly width: number;
  readonly height: number;
  close(): void;
}

/** A `<canvas>` or an `OffscreenCanvas`. */
export interface CanvasLike {
  readonly width: number;
  readonly height: number;
  getContext(contextId: "2d"): unknown;
}

/** Pages and workers: anything that a canvas can draw. */
export type DrawableSource = ImageElementLike | VideoElementLike | VideoFrameLike | ImageBitmapLike | CanvasLike;

/**
 * A picture: path (Node) or URL, encoded bytes, raw pixels (such as `ImageData`), or something drawable (pages and
 * workers).
 */
export type PictureSource = PlainPicture | DrawableSource;

/**
 * A checkpoint: URL, file or bytes; in Node also a path, a released name (`yolov5n`), `random:yolov5s` or the embedded
 * model's name. Bytes are not copied: the model may keep them as its weights, so they must not be changed afterwards.
 */
export type WeightSource = string | URL | Blob | ArrayBuffer | Uint8Array;
