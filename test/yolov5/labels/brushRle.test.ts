/** Label Studio's packed masks: bytes of its own library, and what is refused. */

import { expect, test } from "vitest";
import { packBrush, unpackBrush } from "../../../src/yolov5/labels/brushRle.js";
import { encodeRle, maskFromBitmap, maskToBitmap } from "../../../src/yolov5/output/masks/rle.js";
import { randomNumbers } from "../../support/random.js";
import { bitmapOf, HEIGHT, WIDTH } from "./samples.js";

const bytesOf = (text: string): number[] => [...Buffer.from(text, "base64")];
/** What `encode(rgba, rgba.length)` of @thi.ng/rle-pack 4 returns for white, opaque pixels of the sample. */
const SAMPLE = bytesOf(
  "AAAlgDkb/wTXAMd/+swDHf/rMAx3/6zALf/iMAt/+swC3/4jALf/rMAt/+IwC3/6zALf/iMAt/+swDHf/rMAx3/6zAMd//BbMAxP/8JhwCP/4RJgAA==",
);

test("bytes are those of the library that Label Studio uses", () => {
  expect(packBrush(encodeRle(maskFromBitmap(bitmapOf(), HEIGHT, WIDTH)))).toEqual(SAMPLE);
  expect(maskToBitmap(unpackBrush(SAMPLE, { width: WIDTH, height: HEIGHT }))).toEqual(bitmapOf());
});

test("a run longer than 16 bits goes on in another one", () => {
  const bytes = [...Buffer.from("00057e40391bfc601ffffffffffffffffffffffffffffffffffbf1dff8", "hex")];
  const bitmap = new Uint8Array(300 * 300).fill(1);
  bitmap[0] = 0;
  expect(packBrush(encodeRle(maskFromBitmap(bitmap, 300, 300)))).toEqual(bytes);
  expect(maskToBitmap(unpackBrush(bytes, { width: 300, height: 300 }))).toEqual(bitmap);
});

test("painted pixels of any colour count if they are at least half opaque", () => {
  // Values one by one: (255, 0, 0, 255), (…, 127), (…, 128), (1, 2, 3, 0), (9, 8, 7, 200), (0, 0, 0, 0).
  const bytes = [...Buffer.from("00000018391bf81ff08043ff08002ffff080188001020300090807c88c00", "hex")];
  expect([...maskToBitmap(unpackBrush(bytes, { width: 3, height: 2 }))]).toEqual([1, 0, 1, 0, 1, 0]);
});

test("masks of all sizes come back", () => {
  const random = randomNumbers(5);
  for (let k = 0; k < 300; k++) {
    const [width, height] = [1 + Math.floor(random() * 40), 1 + Math.floor(random() * 40)];
    const density = random();
    const bitmap = Uint8Array.from({ length: width * height }, () => (random() < density ** 3 ? 1 : 0));
    const bytes = packBrush(encodeRle(maskFromBitmap(bitmap, height, width)));
    expect(maskToBitmap(unpackBrush(bytes, { width, height }))).toEqual(bitmap);
  }
});

test("every shortened and every longer text of bits is refused", () => {
  const size = { width: WIDTH, height: HEIGHT };
  // The last bytes only fill up.
  for (let length = 0; length < SAMPLE.length - 2; length++) {
    expect(() => unpackBrush(SAMPLE.slice(0, length), size)).toThrow(/rle: the bytes end too early/);
  }
  expect(() => unpackBrush(SAMPLE, { width: HEIGHT, height: HEIGHT })).toThrow("rle: 2400 pixels are not 40×40");
  // One pixel, and a run of eight values.
  const long = [0, 0, 0, 4, 0x39, 0x1b, 0xf8 | 0b100, 0b11111000];
  expect(() => unpackBrush([...long, 0, 0], { width: 1, height: 1 })).toThrow(/the runs do not add up to 1×1 pixels/);
});
