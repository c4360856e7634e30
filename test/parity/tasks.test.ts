/** Classification, segmentation, ensembles and checkpoints saved in other ways, against PyTorch. */

import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeImage } from "../../src/image/index.js";
import type { Backend } from "../../src/runtime/backend.js";
import type { PlainValue } from "../../src/weights/types.js";
import { Ensemble } from "../../src/yolov5/ensemble.js";
import { Preprocessor } from "../../src/yolov5/input/preprocess.js";
import { createMember, openModel } from "../../src/yolov5/loadModel.js";
import { LocalRunner } from "../../src/yolov5/localRunner.js";
import { type Member, Model } from "../../src/yolov5/model.js";
import { resolveOptions } from "../../src/yolov5/options.js";
import { maskStyle, prototypesOf } from "../../src/yolov5/output/masks/masks.js";
import { maskArea } from "../../src/yolov5/output/masks/rle.js";
import { nonMaxSuppression } from "../../src/yolov5/output/nms/nms.js";
import { rowFormat } from "../../src/yolov5/output/nms/rowFormat.js";
import type { ClassificationResult, DetectionResult, SegmentedDetection } from "../../src/yolov5/output/results.js";
import { parityBackends, WASM } from "../support/backends.js";
import { allOr, FULL } from "../support/full.js";
import { REFERENCE, referenceMissing } from "../support/reference.js";
import { CLASSIFIERS, SEGMENTERS } from "./support/architectures.js";
import { type MaskSource, possibleAreas } from "./support/maskRounding.js";
import {
  checkpointOf,
  chosenRuns,
  describeRun,
  optionsOf,
  pictureNamed,
  type ReferenceRun,
  readReference,
  sameBox,
} from "./support/references.js";

function memberAt(path: string, backend: Backend, config?: unknown): Member {
  return createMember(openModel(new Uint8Array(readFileSync(path)), { path, config }), backend, { path });
}

function modelOf(members: readonly Member[], backend: Backend): Model<string> {
  return new Model(
    new LocalRunner<string>(members, backend, async (file) => ({
      image: await decodeImage(new Uint8Array(readFileSync(file)), { path: file }),
      source: file,
    })),
  );
}

/** Of networks without anchors, all runs on wasm and a few on the slower backends. */
const runsOf = (name: string, backend: string): readonly ReferenceRun[] =>
  chosenRuns(name, { full: FULL || backend === "wasm" || !name.startsWith("anchor-free/"), fast: false });

describe.skipIf(referenceMissing("reference"))("classification and segmentation", () => {
  for (const { name: backendName, open } of parityBackends()) {
    describe(backendName, () => {
      let backend: Backend | undefined;
      beforeAll(async () => {
        backend = await open();
      });
      afterAll(() => backend?.dispose());

      it.for(backendName === "cpu" ? allOr(CLASSIFIERS, CLASSIFIERS.slice(-1)) : CLASSIFIERS)(
        "%s: the five most probable classes within 1e-4",
        async (name, { skip }) => {
          if (!backend) return skip("no such device");
          const model = modelOf([memberAt(checkpointOf(name), backend)], backend);
          expect(model.task).toBe("classify");
          for (const run of readReference(name).runs) {
            const result = (await model.detect(pictureNamed(run.image), { imgsz: run.size })) as ClassificationResult;
            expect(result.top5.map((entry) => entry.name)).toEqual(run.top5?.map((entry) => entry.name));
            for (const [rank, entry] of result.top5.entries()) {
              expect(Math.abs(entry.confidence - (run.top5?.[rank].prob ?? Number.NaN))).toBeLessThanOrEqual(1e-4);
            }
          }
        },
      );

      it.for(backendName === "cpu" ? allOr(SEGMENTERS, SEGMENTERS.slice(-1)) : SEGMENTERS)(
        "%s: masks differ in at most 0.5 % of their pixels",
        async (name, { skip }) => {
          if (!backend) return skip("no such device");
          const model = modelOf([memberAt(checkpointOf(name), backend)], backend);
          let pixels = 0;
          let difference = 0;
          let [found, boxes, decided] = [0, 0, 0];
          const off: string[] = [];
          for (const run of runsOf(name, backendName)) {
            const picture = pictureNamed(run.image);
            const result = (await model.detect(picture, optionsOf(run))) as DetectionResult<SegmentedDetection>;
            expect(result.task).toBe("segment");
            for (const wanted of run.detections ?? []) {
              boxes++;
              // Whether all boxes are there is for the tests of boxes to say: rounding decides some of random networks.
              const detection = result.detections.find((d) => sameBox(d, wanted));
              if (!detection) continue;
              found++;
              const area = maskArea(detection.thresholded());
              const expected = wanted.mask_pixels_letterboxed ?? 0;
              pixels += expected;
              difference += Math.abs(area - expected);
              if (Math.abs(area - expected) <= Math.max(0.005 * expected, 3)) continue;
              const [least, most] = possibleAreas(await maskSource(model, backend, picture, run, detection, result));
              const what = `${describeRun(run)} ${wanted.box}: ${area} pixels, not ${expected}`;
              if (expected < least || expected > most) off.push(`${what}; rounding decides ${least} to ${most}`);
              decided++;
            }
            const first = result.detections.find((d) => d.area > 0);
            if (!first) continue;
            expect(first.mask.size).toEqual([result.height, result.width]);
            expect(first.mask.counts.reduce((a, b) => a + b, 0)).toBe(result.width * result.height);
          }
          console.log(`${backendName} ${name}: ${decided} of ${found} masks decided by rounding`);
          expect(off).toEqual([]);
          expect(difference / pixels).toBeLessThan(0.005);
          expect(found).toBeGreaterThan(0.95 * boxes);
        },
      );

      it("v8-pose: keypoints within 0.1 px, their visibility within 1e-3", async ({ skip }) => {
        if (!backend) return skip("no such device");
        const name = "anchor-free/v8-pose";
        const model = modelOf([memberAt(checkpointOf(name), backend)], backend);
        let points = 0;
        for (const run of runsOf(name, backendName)) {
          const result = await model.detect(pictureNamed(run.image), optionsOf(run));
          if (result.task !== "pose") throw new Error(`${result.task} is no pose`);
          expect(result.length, describeRun(run)).toBe(run.detections?.length);
          for (const wanted of run.detections ?? []) {
            const detection = result.detections.find((d) => sameBox(d, wanted));
            expect(detection, `${describeRun(run)} ${wanted.box}`).toBeDefined();
            for (const [i, [x, y, visible]] of (wanted.keypoints ?? []).entries()) {
              const [ownX, ownY, ownVisible = Number.NaN] = detection?.keypoints[i] ?? [Number.NaN, Number.NaN];
              expect(Math.max(Math.abs(ownX - x), Math.abs(ownY - y))).toBeLessThanOrEqual(0.1);
              expect(Math.abs(ownVisible - visible)).toBeLessThanOrEqual(1e-3);
              points++;
            }
          }
        }
        expect(points).toBeGreaterThan(1000);
      });
    });
  }
});

/** What the mask of a detection was made of, from the network's raw outputs. */
async function maskSource(
  { info, members }: Model<string>,
  backend: Backend,
  picture: string,
  run: ReferenceRun,
  wanted: SegmentedDetection,
  result: DetectionResult,
): Promise<MaskSource> {
  const resolved = resolveOptions(optionsOf(run), info);
  const preprocessor = new Preprocessor(info, backend);
  const read = { image: await decodeImage(new Uint8Array(readFileSync(picture)), { path: picture }) };
  const input = preprocessor.input(preprocessor.plan([read], resolved).map(({ make }) => make()));
  const [prediction, prototypes] = await new Ensemble(members).infer(input, resolved);
  const from = [input.shape[2], input.shape[3]] as const;
  const [kept] = nonMaxSuppression(prediction, { ...resolved, ...rowFormat(info) });
  const index = result.detections.indexOf(wanted);
  const { x1, y1, x2, y2, coefficients = new Float32Array(0) } = kept[index];
  return {
    protos: prototypesOf(prototypes),
    coefficients,
    box: [x1, y1, x2, y2],
    input: from,
    style: maskStyle(info.family, result.length),
  };
}

describe.skipIf(referenceMissing("reference"))("ensembles and files", () => {
  let backend: Backend;
  beforeAll(async () => {
    const opened = await WASM.open();
    if (!opened) throw new Error("no WASM");
    backend = opened;
  });
  afterAll(() => backend.dispose());

  it("an ensemble runs NMS on the boxes of all members together", async () => {
    const members = ["yolov5n", "yolov5n-7"].map((name) => memberAt(checkpointOf(name), backend));
    const ensemble = modelOf(members, backend);
    const picture = pictureNamed("bus.jpg");
    const both = (await ensemble.detect(picture, { imgsz: 320 })) as DetectionResult;
    const singles: DetectionResult[] = [];
    for (const member of members) {
      singles.push((await modelOf([member], backend).detect(picture, { imgsz: 320 })) as DetectionResult);
    }
    // Every box of the ensemble is one of its members', and the best of them all is first.
    for (const box of both.detections) {
      const found = singles.some(({ detections }) =>
        detections.some((d) => Math.abs(d.xmin - box.xmin) < 1e-3 && d.class === box.class),
      );
      expect(found).toBe(true);
    }
    const best = Math.max(...singles.map(({ detections }) => detections[0].confidence));
    expect(both.detections[0].confidence).toBeCloseTo(best, 6);
    expect(both.length).toBeGreaterThanOrEqual(Math.max(...singles.map((s) => s.length)));
  });

  const formats = join(REFERENCE, "weights", "formats");
  const own = new Set(["bfloat16.pt", "already-fused.pt"]);
  const files = existsSync(formats) ? readdirSync(formats).filter((f) => f.endsWith(".pt") && !own.has(f)) : [];
  it.for(files)("formats/%s gives exactly the same boxes as reference.pt", async (file) => {
    const marker = join(tmpdir(), "yolov5-pickle-was-executed");
    rmSync(marker, { force: true });
    const picture = pictureNamed("bus.jpg");
    // A state dict tells neither wiring nor activation: the yaml says the one, we the other.
    const reference = openModel(new Uint8Array(readFileSync(join(formats, "reference.pt"))), { path: "reference.pt" });
    const wiring = reference.module.attributes.get("yaml") as ReadonlyMap<PlainValue, PlainValue>;
    const yaml = new Map([...wiring, ["activation", "nn.LeakyReLU(0.1)"]]);
    const detect = async (path: string): Promise<DetectionResult> =>
      (await modelOf([memberAt(path, backend, yaml)], backend).detect(picture, { imgsz: 320 })) as DetectionResult;
    const [actual, wanted] = [await detect(join(formats, file)), await detect(join(formats, "reference.pt"))];
    expect(actual.xyxy).toEqual(wanted.xyxy);
    expect(actual.length).toBeGreaterThan(10);
    expect(existsSync(marker)).toBe(false);
    if (file === "odd-names.pt") expect(actual.names).not.toEqual(wanted.names);
    else if (file !== "state-dict.pt") expect(actual.names).toEqual(wanted.names);
  });

  const refused = join(REFERENCE, "weights", "refused");
  it.for(existsSync(refused) ? readdirSync(refused) : [])("refused/%s says what it is", (file) => {
    const path = join(refused, file);
    expect(() => memberAt(path, backend)).toThrowError(/^.*\/refused\/.*: /);
    try {
      memberAt(path, backend);
    } catch (error) {
      console.log((error as Error).message);
      expect((error as Error).message.split("\n")).toHaveLength(1);
    }
  });
});
