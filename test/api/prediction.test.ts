/** `predict` and `detect` make their results in one place: the same numbers, facts and classes for every task. */

import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { load, predict, type RawPicture, type Result } from "../../src/node.js";
import { resolveOptions } from "../../src/yolov5/options.js";
import { outcomesOf, resultOf } from "../../src/yolov5/output/outcome.js";
import { randomTensor } from "../support/random.js";
import { REPOSITORY } from "../support/reference.js";

const OPTIONS = { imgsz: 64, conf: 0.01, maxDet: 5 };

function frameOfVideo(): RawPicture {
  const data = Uint8Array.from({ length: 3 * 48 * 40 }, (_, i) => (i * 2654435761) >>> 24);
  return { data, width: 48, height: 40, channels: 3, frame: 7, time: 0.28 };
}

/** Everything that a result says, masks as polygons, but for times. */
function withoutSpeed(result: Result): object {
  const { speed: _, ...facts } = JSON.parse(JSON.stringify(result));
  return facts;
}

describe("predict", () => {
  it.each([
    ["v6", "detect"],
    ["seg", "segment"],
    ["cls", "classify"],
  ])("on %s gives the results of detect", async (fixture, task) => {
    const model = await load(join(REPOSITORY, "test/fixtures/pytorch", `${fixture}.pt`), { backend: "wasm" });
    try {
      const detected = await model.detect(frameOfVideo(), OPTIONS);
      const prediction = await predict(model, frameOfVideo(), OPTIONS);
      const predicted = prediction.result(OPTIONS);
      expect(predicted).toMatchObject({ task, frame: 7, time: 0.28, width: 48, height: 40 });
      expect(withoutSpeed(predicted)).toEqual(withoutSpeed(detected));
      // What is sent between threads stands for the same result.
      const sent = resultOf(structuredClone(prediction.outcome(OPTIONS)), model.names);
      expect(withoutSpeed(sent)).toEqual(withoutSpeed(detected));
    } finally {
      model.dispose();
    }
  });

  it("separates the pictures of a batch", () => {
    const logits = randomTensor([3, 4], 1);
    const speed = { preprocess: 1, inference: 2 };
    const batch = [10, 20, 30].map((width) => ({ facts: { width, height: 5 }, speed }));
    const info = { task: "classify", maskCoefficients: 0 } as const;
    const outcomes = outcomesOf(batch, [3, 3, 8, 8], { logits }, info, resolveOptions({}, { classes: 4 }));
    expect(outcomes.map(({ logits: own }) => [...(own ?? [])])).toEqual(
      [0, 4, 8].map((first) => [...logits.data.subarray(first, first + 4)]),
    );
    expect(outcomes.map(({ facts }) => [facts.width, facts.input])).toEqual(
      [10, 20, 30].map((width) => [width, [1, 3, 8, 8]]),
    );
  });
});
