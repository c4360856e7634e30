/** `test/fixtures/yolov5/postprocess.json`: what PyTorch, OpenCV and Python answered (written by make.py beside it). */

import { readFileSync } from "node:fs";
import { type BinaryMask, maskFromBitmap } from "../../../src/yolov5/output/masks/rle.js";
import type { NmsOptions } from "../../../src/yolov5/output/nms/nmsOptions.js";

export interface Floats {
  readonly shape: readonly number[];
  readonly base64: string;
}

export interface PostprocessFixture {
  readonly nms: readonly {
    readonly maskCoefficients: number;
    readonly prediction: Floats;
    readonly runs: readonly {
      readonly options: NmsOptions & { max_det: number; agnostic?: boolean; multi_label?: boolean };
      readonly kept: readonly (readonly number[])[];
    }[];
  }[];
  readonly masks: readonly {
    readonly protos: Floats;
    readonly coefficients: Floats;
    readonly box: Floats;
    readonly input: readonly [number, number];
    readonly original: readonly [number, number];
    readonly mask: readonly string[];
    readonly scaled: readonly string[];
    readonly nativeBox: readonly [number, number, number, number];
    readonly native: readonly string[];
  }[];
  readonly contours: readonly {
    readonly mask: readonly string[];
    readonly contours: readonly (readonly number[])[];
    readonly rle: readonly number[];
  }[];
  readonly augment: {
    readonly stride: number;
    readonly levels: number;
    readonly input: Floats;
    readonly inputs: readonly Floats[];
    readonly predictions: readonly Floats[];
    readonly merged: Floats;
  };
  readonly text: { readonly g: readonly [number, string][]; readonly f2: readonly [number, string][] };
  readonly softmax: readonly {
    readonly logits: Floats;
    readonly probabilities: Floats;
    readonly top5: readonly number[];
  }[];
  readonly scaleBox: readonly {
    readonly input: readonly [number, number];
    readonly original: readonly [number, number];
    readonly box: readonly [number, number, number, number];
    readonly scaled: readonly number[];
  }[];
}

export function postprocessFixture(): PostprocessFixture {
  return JSON.parse(readFileSync(new URL("../../fixtures/yolov5/postprocess.json", import.meta.url), "utf8"));
}

export function floats(source: Floats): Float32Array {
  const bytes = Buffer.from(source.base64, "base64");
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}

/** Rows of `#` and `.`. */
export function maskOf(rows: readonly string[]): BinaryMask {
  const data = Uint8Array.from(rows.join(""), (c) => (c === "#" ? 1 : 0));
  return maskFromBitmap(data, rows.length, rows[0].length);
}

export function rowsOf(bitmap: Uint8Array, width: number): string[] {
  const text = Array.from(bitmap, (v) => (v ? "#" : ".")).join("");
  return Array.from({ length: bitmap.length / width }, (_, y) => text.slice(y * width, (y + 1) * width));
}
