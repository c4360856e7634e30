/** Pictures whose types need neither the DOM nor Node. */

/** Raw pixels. RGB or RGBA unless `channels` says otherwise; alpha is dropped. */
export interface RawPicture {
  readonly data: Uint8Array | Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
  /** Bytes per pixel, or their order. Default: inferred from the data's length. */
  readonly channels?: 1 | 3 | 4 | "rgb" | "bgr" | "rgba" | "bgra" | "grey" | undefined;
  /** For videos: the frame's number, and its time in seconds; both are passed on to the result. */
  readonly frame?: number | undefined;
  readonly time?: number | undefined;
}

/** A picture that needs no DOM: path or URL, encoded bytes, raw pixels. */
export type PlainPicture = string | URL | Blob | ArrayBuffer | Uint8Array | RawPicture;
