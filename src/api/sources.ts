/**
 * What `load` and `detect` take, in Node and in pages alike. Elements and frames are described by what is read of them, so
 * that the types compile in projects without DOM's; DOM's own types fit.
 */

import type { PlainPicture } from "../yolov5/input/plainPicture.js";

/** An `<img>` that is loaded. */
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

/** Pages and workers: what a canvas can draw. */
export type DrawableSource = ImageElementLike | VideoElementLike | VideoFrameLike | ImageBitmapLike | CanvasLike;

/**
 * A picture: path (Node) or URL, encoded bytes, raw pixels (`ImageData` is such), or something that is drawn (pages and
 * workers).
 */
export type PictureSource = PlainPicture | DrawableSource;

/**
 * A checkpoint: URL, file or bytes; in Node also a path, a released name (`yolov5n`), `random:yolov5s` or the embedded
 * model's name. Bytes are not copied: the model may keep them as its weights, so they must not be changed afterwards.
 */
export type WeightSource = string | URL | Blob | ArrayBuffer | Uint8Array;
