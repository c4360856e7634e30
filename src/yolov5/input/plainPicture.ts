/** Pictures that need neither a page nor Node to be described. */

/** Raw pixels. RGB or RGBA unless `channels` says otherwise; alpha is dropped. */
export interface RawPicture {
  readonly data: Uint8Array | Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
  /** How many bytes a pixel has, or their order. Default by the data's length. */
  readonly channels?: 1 | 3 | 4 | "rgb" | "bgr" | "rgba" | "bgra" | "grey" | undefined;
  /** Of a video: the frame's number, and its time in seconds; both come back in the result. */
  readonly frame?: number | undefined;
  readonly time?: number | undefined;
}

/** A picture that needs no page: path or URL, encoded bytes, raw pixels. */
export type PlainPicture = string | URL | Blob | ArrayBuffer | Uint8Array | RawPicture;
