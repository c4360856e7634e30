/** What the picture tests share: fixtures, hashes, seeded noise. */

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { RgbImage } from "../../src/image/index.js";
import { REPOSITORY } from "../support/reference.js";

export interface FixtureFile {
  readonly base64: string;
  /** Undefined size means that OpenCV refuses the file. */
  readonly expected: { readonly width: number; readonly height: number; readonly sha256: string } | null;
}

export interface DecodeFixtures {
  readonly files: Readonly<Record<string, FixtureFile>>;
}

export interface ResizeFixtures {
  readonly resizes: readonly {
    readonly seed: number;
    readonly from: readonly [number, number];
    readonly to: readonly [number, number];
    readonly linear: string;
    readonly area: string | null;
  }[];
  readonly classified: readonly {
    readonly seed: number;
    readonly from: readonly [number, number];
    readonly size: number;
    readonly sha256: string;
  }[];
}

export function readFixture<T>(name: string): T {
  return JSON.parse(readFileSync(join(REPOSITORY, "test", "fixtures", "image", name), "utf8")) as T;
}

export function sha256(data: Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}

/** The noise of `make_fixtures.py`: a linear congruential generator's upper bytes. */
export function noise(width: number, height: number, seed: number): RgbImage {
  const data = new Uint8Array(width * height * 3);
  let state = seed;
  for (let i = 0; i < data.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    data[i] = state >>> 24;
  }
  return { width, height, data };
}
