/**
 * Boxes of whole runs (picture file → letterbox → network → NMS → picture coordinates) against PyTorch's.
 * By default a part of the runs, so that the suite stays short; `YOLOV5_FULL=1` does them all.
 */

import { existsSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { decodeImage } from "../../src/image/index.js";
import type { Backend } from "../../src/runtime/backend.js";
import { letterbox } from "../../src/yolov5/input/letterbox.js";
import { createMember, openModel } from "../../src/yolov5/loadModel.js";
import { LocalRunner } from "../../src/yolov5/localRunner.js";
import { Model } from "../../src/yolov5/model.js";
import type { DetectionResult } from "../../src/yolov5/output/results.js";
import { parityBackends } from "../support/backends.js";
import { allOr, FULL } from "../support/full.js";
import { referenceMissing } from "../support/reference.js";
import { TRAINED } from "./support/architectures.js";
import {
  checkpointOf,
  describeRun,
  differences,
  optionsOf,
  pictureNamed,
  readReference,
  sha256,
} from "./support/references.js";

/** Pictures of each checkpoint that the short suite runs. */
const SHORT_PICTURES = { fast: 2, slow: 1 };
/** Checkpoints that the slow reference runs in the short suite: those with small inputs. */
const SMALL: ReadonlySet<string> = new Set(["food", "crops", "crops-pruned-25"]);

describe.skipIf(referenceMissing("reference"))("boxes equal PyTorch's", () => {
  for (const { name: backendName, open, slow } of parityBackends()) {
    describe(backendName, () => {
      let backend: Backend | undefined;
      beforeAll(async () => {
        backend = await open();
      });
      afterAll(() => backend?.dispose());

      const names = TRAINED.filter((c) => existsSync(checkpointOf(c)));
      const some = names.filter((c, i) => (slow ? SMALL.has(c) : backendName !== "webgpu" || i % 2 === 0));
      for (const name of allOr(names, some)) {
        it(`${name}`, { timeout: 1_800_000 }, async ({ skip }) => {
          if (!backend) return skip("no such device");
          const path = checkpointOf(name);
          const opened = openModel(new Uint8Array(readFileSync(path)), { path });
          const model = new Model(
            new LocalRunner<string>([createMember(opened, backend, { path })], backend, async (file) => ({
              image: await decodeImage(new Uint8Array(readFileSync(file)), { path: file }),
              source: file,
            })),
          );
          rememberRuns(model, backendName === "webgpu");
          const { runs } = readReference(name);
          const pictures = [...new Set(runs.map((run) => run.image))];
          const chosen = new Set(pictures.slice(0, FULL ? pictures.length : SHORT_PICTURES[slow ? "slow" : "fast"]));
          const wrong: string[] = [];
          let boxes = 0;
          for (const run of runs) {
            if (!chosen.has(run.image) || (!FULL && slow && run.size > 416 && run.options?.augment)) continue;
            const result = (await model.detect(pictureNamed(run.image), optionsOf(run))) as DetectionResult;
            boxes += result.length;
            for (const sentence of differences(result.detections, run.detections ?? [])) {
              wrong.push(`${describeRun(run)}: ${sentence}`);
            }
          }
          for (const { network } of model.members) network.dispose();
          expect(wrong).toEqual([]);
          expect(boxes).toBeGreaterThan(0);
        });
      }
    });
  }

  it("letterboxed bytes equal OpenCV's for every recorded picture", async () => {
    const wrong: string[] = [];
    let checked = 0;
    const decoded = new Map<string, Awaited<ReturnType<typeof decodeImage>>>();
    for (const name of TRAINED) {
      const { runs, model } = readReference(name);
      const stride = Math.max(32, ...((model.stride as number[] | undefined) ?? []));
      for (const run of runs) {
        if (!run.letterboxed_sha256) continue;
        const path = pictureNamed(run.image);
        const image = decoded.get(path) ?? (await decodeImage(new Uint8Array(readFileSync(path)), { path }));
        decoded.set(path, image);
        const boxed = letterbox(image, { size: [run.size, run.size], stride, auto: run.rect !== false });
        if (sha256(boxed.image.data) !== run.letterboxed_sha256) wrong.push(describeRun(run));
        checked++;
      }
    }
    expect(wrong).toEqual([]);
    expect(checked).toBeGreaterThan(100);
  });
});

/** Runs that differ only in NMS share a forward pass; where the backend chooses rows, those of one threshold. */
function rememberRuns({ members: [{ network }] }: Model<string>, choosesRows: boolean): void {
  const seen = new Map<string, ReturnType<typeof network.rows>>();
  const rows = network.rows.bind(network);
  vi.spyOn(network, "rows").mockImplementation((input, threshold) => {
    if (!input.inputs) return rows(input, threshold);
    const { buffer, byteOffset, byteLength } = input.inputs[0].data;
    const hash = sha256(new Uint8Array(buffer, byteOffset, byteLength));
    const key = `${input.shape} ${hash} ${choosesRows ? threshold : ""}`;
    const known = seen.get(key);
    if (known) return known;
    const result = rows(input, threshold);
    seen.set(key, result);
    // Predictions are large; runs of one picture stand together.
    if (seen.size > 6) seen.delete([...seen.keys()][0]);
    return result;
  });
}
