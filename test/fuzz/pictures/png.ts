/** PNGs chunk by chunk: what chunks say is sometimes not so, their checksums are right. */

import { zlibSync } from "fflate";
import { bytes, le } from "../../weights/support.js";
import type { Draw } from "../draw.js";
import { be, crc32, reordered, scribbled } from "./chunks.js";

export function png(draw: Draw): Uint8Array {
  const chunk = (type: string, data: Uint8Array): Uint8Array => {
    const body = bytes(type, data);
    return bytes(be(draw.lie(data.length, 2 ** 32 - 1, 0.01)), body, be(draw.chance(0.99) ? crc32(body) : 0));
  };
  const width = draw.pick([1, 2, 5, 17, 64]);
  const height = draw.pick([1, 3, 8, 33]);
  const [depth, color] = draw.pick([
    [8, 2],
    [8, 6],
    [8, 0],
    [8, 4],
    [8, 3],
    [1, 0],
    [2, 3],
    [4, 3],
    [16, 2],
    [16, 6],
    [16, 0],
  ]);
  const samples = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 }[color] ?? 1;
  const row = 1 + Math.ceil((width * samples * depth) / 8);
  const pixels = draw.bytes(row * draw.lie(height, 200, 0.05));
  for (let y = 0; y * row < pixels.length; y++) pixels[y * row] = draw.lie(draw.below(5), 255, 0.02);
  const packed = draw.chance(0.95) ? zlibSync(pixels) : scribbled(draw, zlibSync(pixels));
  const cut = draw.below(packed.length);
  const header = bytes(
    be(draw.lie(width)) + be(draw.lie(height)),
    ...[
      draw.lie(depth, 255, 0.03),
      draw.lie(color, 255, 0.03),
      draw.lie(0, 255, 0.02),
      draw.lie(0, 255, 0.02),
      draw.pick([0, 0, 0, 1, 2]),
    ],
  );
  const extra = (): Uint8Array =>
    draw.pick([
      () => chunk("tRNS", draw.bytes(draw.pick([0, 2, 6, 16, 256, 300]))),
      () => chunk("iCCP", bytes("x\0\0", zlibSync(new Uint8Array(draw.pick([0, 100, 1e6]))))),
      () => chunk("zTXt", bytes("x\0\0", zlibSync(new Uint8Array(draw.pick([0, 1e6]))))),
      () => chunk("acTL", bytes(be(draw.odd()), be(0))),
      () => chunk("eXIf", bytes("II*\0", le(8), le(draw.odd(65535), 2), draw.bytes(24))),
      () => chunk("ABCD", draw.bytes(3)),
      () => chunk("gAMA", bytes(be(draw.odd()))),
    ])();
  const chunks = [
    chunk("IHDR", header),
    ...(color === 3 || draw.chance(0.05) ? [chunk("PLTE", draw.bytes(3 * draw.lie(2 ** depth, 300, 0.2)))] : []),
    ...draw.several(0, 2, extra),
    chunk("IDAT", packed.subarray(0, cut)),
    chunk("IDAT", packed.subarray(cut)),
    chunk("IEND", new Uint8Array(0)),
  ];
  return bytes("\x89PNG\r\n\x1a\n", ...reordered(draw, chunks));
}
