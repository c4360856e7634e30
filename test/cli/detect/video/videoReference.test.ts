/** Real clips, minutes long: YOLOV5_FULL=1. The figures of docs/video.md. */

import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { FULL } from "../../../support/full.js";
import { referencePath } from "../../../support/reference.js";
import { ffmpegMissing, probe } from "../../../support/video.js";
import { cli, scratchFolder } from "../../support.js";

if (!FULL) console.warn("skipped: whole clips are tracked with YOLOV5_FULL=1 only");
const weights = FULL ? referencePath("weights", "yolov5n.pt") : undefined;
const people = FULL ? referencePath("video", "one-by-one-person-detection.mp4") : undefined;
const bottles = FULL ? referencePath("video", "bottle-detection.mp4") : undefined;

describe.skipIf(!FULL || !weights || ffmpegMissing())("tracked by yolov5n", async () => {
  const folder = await scratchFolder();

  test.skipIf(!people || !bottles).each([
    // Six people, one after the other; seven times a bottle stands there until it is taken away.
    ["one-by-one-person-detection", people ?? "", "person", 6, 1394],
    ["bottle-detection", bottles ?? "", "bottle", 7, 1189],
  ])(
    "%s: each passage has one ID, and every frame is written",
    { timeout: 1_200_000 },
    async (name, source, wanted, ids, frames) => {
      const argv = [
        "detect",
        "--weights",
        weights ?? "",
        "--source",
        source,
        "--track",
        "--backend",
        "wasm",
        "--quiet",
      ];
      const { code, stdout } = await cli([...argv, "--project", folder, "--name", name, "--json", "-"]);
      expect(code).toBe(0);
      const { images } = JSON.parse(stdout) as { images: { detections: { name: string; track?: number }[] }[] };
      const seen = new Map<number, number>();
      for (const { detections } of images) {
        for (const detection of detections) {
          if (detection.name === wanted && detection.track !== undefined) {
            seen.set(detection.track, (seen.get(detection.track) ?? 0) + 1);
          }
        }
      }
      expect(seen.size).toBe(ids);
      // None of them is a flash: each lasts for seconds.
      expect(Math.min(...seen.values())).toBeGreaterThan(100);
      expect(images).toHaveLength(frames);
      expect(probe(join(folder, name, `${name}.mp4`)).frames).toBe(frames);
    },
  );
});
