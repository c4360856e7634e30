/**
 * Hostile pictures: seeded mutations of every fixture either decode or give an ImageError, in bounded time and memory.
 * Bounded to a few seconds; `YOLOV5_FUZZ=200000` runs that many, `YOLOV5_FUZZ_SEED` begins elsewhere.
 */

import { describe, expect, it } from "vitest";
import { ImageError } from "../../src/errors.js";
import { decodeImage } from "../../src/image/index.js";
import { seededRandom } from "../../src/tensor/index.js";
import { type DecodeFixtures, readFixture } from "./support.js";

const COUNT = Number(process.env.YOLOV5_FUZZ ?? 0);
const SECONDS = COUNT > 0 ? Number.POSITIVE_INFINITY : 4;
const SEED = Number(process.env.YOLOV5_FUZZ_SEED ?? 1);

/** Bound for the declared size; one picture of it takes 12 MB. */
const MAX_PIXELS = 2 ** 22;
/** Far above what a picture of that size takes, even on a busy machine. */
const MAX_MILLISECONDS = 60_000;
const MAX_GROWTH_BYTES = 512 * 2 ** 20;

const files = {
  ...readFixture<DecodeFixtures>("decode.json").files,
  ...readFixture<DecodeFixtures>("tiff.json").files,
};
const corpus = Object.entries(files).map(([name, { base64 }]) => ({ name, bytes: Buffer.from(base64, "base64") }));

/** One to four random changes: bytes, whole numbers, cuts, repeats, or a piece of another file. */
function mutate(next: () => number): { name: string; bytes: Uint8Array } {
  const pick = (n: number) => Math.floor(next() * n);
  const { name, bytes } = corpus[pick(corpus.length)];
  let out = Uint8Array.from(bytes);
  for (let change = pick(4); change >= 0; change--) {
    const at = pick(next() < 0.5 ? Math.min(out.length, 64) : out.length);
    const kind = pick(6);
    if (out.length === 0) break;
    if (kind === 0) out[at] = pick(256);
    else if (kind === 1) out[at] ^= 1 << pick(8);
    else if (kind === 2) out.fill([0, 255, 127, 128][pick(4)], at, at + 1 + pick(4));
    else if (kind === 3) out = out.slice(0, at);
    else if (kind === 4) out = Uint8Array.from([...out.subarray(0, at), ...out.subarray(pick(at + 1))]);
    else {
      const other = corpus[pick(corpus.length)].bytes;
      const from = pick(other.length);
      out.set(other.subarray(from, from + Math.min(1 + pick(400), out.length - at)), at);
    }
  }
  return { name, bytes: out };
}

describe("mutated pictures", () => {
  it("are decoded or refused in one line", { timeout: COUNT > 0 ? 24 * 3600_000 : 600_000 }, async () => {
    const next = seededRandom(SEED);
    const started = performance.now();
    let before = 0;
    let [decoded, refused, slowest] = [0, 0, 0];
    for (let i = 0; COUNT > 0 ? i < COUNT : performance.now() - started < SECONDS * 1000; i++) {
      const { name, bytes } = mutate(next);
      const begun = performance.now();
      try {
        const { width, height, data } = await decodeImage(bytes, { path: name, maxPixels: MAX_PIXELS });
        expect(data.length).toBe(width * height * 3);
        decoded++;
      } catch (error) {
        if (!(error instanceof ImageError))
          throw new Error(`mutation ${i} of ${name} (seed ${SEED})`, { cause: error });
        expect(error.message).not.toContain("\n");
        refused++;
      }
      slowest = Math.max(slowest, performance.now() - begun);
      if (i === 200) before = process.memoryUsage().rss;
    }
    const growth = before === 0 ? 0 : process.memoryUsage().rss - before;
    console.log(
      `${decoded + refused} mutations: ${decoded} decoded, ${refused} refused; slowest ${slowest.toFixed(0)} ms; ` +
        `memory grew ${(growth / 2 ** 20).toFixed(0)} MiB`,
    );
    expect(decoded).toBeGreaterThan(20);
    expect(refused).toBeGreaterThan(20);
    expect(slowest).toBeLessThan(MAX_MILLISECONDS);
    expect(growth).toBeLessThan(MAX_GROWTH_BYTES);
  });
});
