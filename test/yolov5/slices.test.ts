/** Sliced inference: windows run as pictures, and everything that is found in them is carried back. */

import { describe, expect, test } from "vitest";
import { OptionError } from "../../src/errors.js";
import type { RawPicture } from "../../src/yolov5/input/pictures.js";
import type { DetectOptions } from "../../src/yolov5/options.js";
import type { PosedDetection, SegmentedDetection } from "../../src/yolov5/output/detections.js";
import { encodeRle, maskFromBitmap, maskToBitmap, rleToMask, uniteRles } from "../../src/yolov5/output/masks/rle.js";
import { randomNumbers } from "../support/random.js";
import { LOW, modelOf, noise, recordedModel, V6 } from "./recordedModel.js";
import { fixturePath, openFile } from "./trees.js";

/** A part of raw pixels. */
function cut({ data, width }: RawPicture, x: number, y: number, w: number, h: number): RawPicture {
  const rows = Array.from({ length: h }, (_, row) =>
    data.subarray(((y + row) * width + x) * 3, ((y + row) * width + x + w) * 3),
  );
  return { width: w, height: h, data: Uint8Array.from(rows.flatMap((row) => [...row])) };
}

/** Windows that do not overlap, and no merging, so that each must give what it gives alone. */
const APART = { width: 64, overlap: 0, whole: false, merge: "nms", threshold: 1 } as const;
const QUARTERS = [
  [0, 0],
  [64, 0],
  [0, 64],
  [64, 64],
] as const;

describe("windows", () => {
  test("run after the whole picture, in batches, with progress for each", async () => {
    const { model, record } = recordedModel();
    const progress: string[] = [];
    const onSlice = ({ done, total }: { done: number; total: number }): void => void progress.push(`${done}/${total}`);
    const result = await model.detect(noise(150, 100), { imgsz: 64, slice: true, batchSize: 4, onSlice });
    expect(record.runs).toEqual(["1×3×64×64", "4×3×64×64", "2×3×64×64"]);
    expect(progress).toEqual(["1/7", "5/7", "7/7"]);
    expect(result.slices).toBe(6);
    expect(JSON.parse(JSON.stringify(result))).toMatchObject({
      width: 150,
      height: 100,
      slices: 6,
      input: [1, 3, 64, 64],
    });
  });

  test("of any size run at the network's size", async () => {
    const { model, record } = recordedModel();
    await model.detect(noise(160, 64), { imgsz: 64, slice: { width: 96, height: 48, overlap: 0, whole: false } });
    expect(record.runs).toEqual(new Array(4).fill("1×3×32×64"));
  });

  test("are not used for a picture no larger than a window", async () => {
    const model = modelOf();
    const plain = await model.detect(noise(64, 48), LOW);
    const sliced = await model.detect(noise(64, 48), { ...LOW, slice: 64 });
    expect(plain.detections.length).toBeGreaterThan(1);
    expect(sliced.detections).toEqual(plain.detections);
    expect([plain.slices, sliced.slices]).toEqual([undefined, 1]);
    expect(JSON.stringify(plain)).not.toContain("slices");
    model.dispose();
  });

  test("give what each finds alone, at its position, sorted by confidence, at most maxDet", async () => {
    const model = modelOf();
    const picture = noise(128, 128, 4);
    const options: DetectOptions = { ...LOW, maxDet: 12 };
    const alone = [];
    for (const [x, y] of QUARTERS) {
      for (const d of (await model.detect(cut(picture, x, y, 64, 64), options)).detections) {
        alone.push({ ...d, xmin: d.xmin + x, xmax: d.xmax + x, ymin: d.ymin + y, ymax: d.ymax + y });
      }
    }
    alone.sort((a, b) => b.confidence - a.confidence);
    expect(alone.length).toBeGreaterThan(12);
    for (const batchSize of [1, 3]) {
      const { detections } = await model.detect(picture, { ...options, batchSize, slice: APART });
      expect(detections).toEqual(alone.slice(0, 12));
    }
    const list = await model.detect([picture, noise(64, 64)], { ...options, slice: APART });
    expect(list.map(({ slices }) => slices)).toEqual([4, 1]);
    model.dispose();
  });
});

test("have masks that are mapped back and equal those of the windows alone", async () => {
  const model = modelOf([openFile(fixturePath("seg.pt"))]);
  const picture = noise(128, 128, 2);
  for (const retinaMasks of [false, true]) {
    const options: DetectOptions = { ...LOW, conf: 0.05, maxDet: 6, retinaMasks };
    const sliced = await model.detect(picture, { ...options, maxDet: 1000, slice: APART });
    const found = sliced.detections as readonly SegmentedDetection[];
    let compared = 0;
    for (const [x, y] of QUARTERS) {
      const alone = (await model.detect(cut(picture, x, y, 64, 64), { ...options, maxDet: 100 })).detections;
      for (const own of alone as readonly SegmentedDetection[]) {
        const there = found.find(
          (d) => d.xmin === own.xmin + x && d.ymin === own.ymin + y && d.confidence === own.confidence,
        );
        if (!there) throw new Error("a box is missing");
        const bitmap = there.bitmap();
        expect(bitmap).toHaveLength(128 * 128);
        const part = Uint8Array.from(
          { length: 64 * 64 },
          (_, i) => bitmap[(y + Math.floor(i / 64)) * 128 + x + (i % 64)],
        );
        expect(part).toEqual(own.bitmap());
        expect(there.area).toBe(own.area);
        expect(there.mask.size).toEqual([128, 128]);
        if (own.area > 0) compared++;
      }
    }
    expect(compared).toBeGreaterThan(3);
    expect(found.some((d) => d.polygon().length > 4)).toBe(true);
  }
  model.dispose();
});

test("have keypoints that are mapped back", async () => {
  const model = modelOf([openFile(fixturePath("11-pose.pt"))]);
  const picture = noise(128, 128, 3);
  const options: DetectOptions = { ...LOW, conf: 0.001, maxDet: 1000 };
  const { detections, task } = await model.detect(picture, { ...options, slice: APART });
  expect(task).toBe("pose");
  const alone = await model.detect(cut(picture, 64, 64, 64, 64), options);
  expect(alone.detections.length).toBeGreaterThan(0);
  for (const own of alone.detections as readonly PosedDetection[]) {
    const there = (detections as readonly PosedDetection[]).find(
      (d) => d.xmin === own.xmin + 64 && d.ymin === own.ymin + 64 && d.confidence === own.confidence,
    );
    expect(there?.keypoints).toEqual(own.keypoints.map(([x, y, ...rest]) => [x + 64, y + 64, ...rest]));
  }
  model.dispose();
});

describe("masks as run lengths", () => {
  test("are united pixel by pixel, and stored with the rectangle of their pixels", () => {
    const random = randomNumbers(8);
    for (let k = 0; k < 300; k++) {
      const [width, height] = [1 + Math.floor(random() * 12), 1 + Math.floor(random() * 12)];
      const density = random();
      const bitmaps = Array.from({ length: 1 + Math.floor(random() * 3) }, () =>
        Uint8Array.from({ length: width * height }, () => (random() < density ? 1 : 0)),
      );
      const either = bitmaps[0].map((_, i) => (bitmaps.some((bitmap) => bitmap[i] === 1) ? 1 : 0));
      const rles = bitmaps.map((bitmap) => encodeRle(maskFromBitmap(bitmap, height, width)));
      const united = uniteRles(rles);
      expect(united).toEqual(encodeRle(maskFromBitmap(either, height, width)));
      expect(maskToBitmap(rleToMask(united))).toEqual(either);
    }
  });
});

describe("sliced inference refused or aborted", () => {
  test("a signal stops it with its reason", async () => {
    const { model, record } = recordedModel([V6], 1);
    const stop = new AbortController();
    const reason = new Error("enough");
    const onSlice = ({ done }: { done: number }): void => {
      if (done === 3) stop.abort(reason);
    };
    const large = model.detect(noise(640, 640), { imgsz: 64, slice: true, signal: stop.signal, onSlice });
    await expect(large).rejects.toBe(reason);
    expect(record.runs).toHaveLength(3);
  });

  test("options are checked before a picture is read, and predict and classification reject it", async () => {
    const model = modelOf();
    await expect(model.detect({} as never, { slice: { overlap: 1 } })).rejects.toThrow(
      /slice: overlap must be between/,
    );
    await expect(model.predict(noise(64, 64), { slice: true })).rejects.toThrow(OptionError);
    model.dispose();
    const classifier = modelOf([openFile(fixturePath("cls.pt"))]);
    const warnings: string[] = [];
    const result = await classifier.detect(noise(200, 200), {
      imgsz: 64,
      slice: 64,
      onWarning: (w) => warnings.push(w),
    });
    expect(result.task).toBe("classify");
    expect(warnings).toEqual(["slice is ignored: a classification model has no boxes to merge"]);
    classifier.dispose();
  });
});
