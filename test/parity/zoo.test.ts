/**
 * Every architecture with random weights: layers and boxes against PyTorch, on every backend.
 * Tolerances of layers: NMSE ≤ 1e-9 on the reference, ≤ 1e-8 elsewhere.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeImage } from "../../src/image/index.js";
import type { Backend } from "../../src/runtime/backend.js";
import type { HostTensor } from "../../src/tensor/index.js";
import { Ensemble } from "../../src/yolov5/ensemble.js";
import { devicePicturesToTensor } from "../../src/yolov5/input/letterbox.js";
import { type NetworkInput, Preprocessor } from "../../src/yolov5/input/preprocess.js";
import { createMember, openModel } from "../../src/yolov5/loadModel.js";
import { LocalRunner } from "../../src/yolov5/localRunner.js";
import { Model } from "../../src/yolov5/model.js";
import { resolveOptions } from "../../src/yolov5/options.js";
import type { DetectionResult } from "../../src/yolov5/output/results.js";
import { verifyModel } from "../../src/yolov5/verify.js";
import { CPU, parityBackends, WASM } from "../support/backends.js";
import { allOrEvery, FULL } from "../support/full.js";
import { REFERENCE, referenceMissing } from "../support/reference.js";
import { ZOO } from "./support/architectures.js";
import { checkpointOf, chosenRuns, describeRun, optionsOf, pictureNamed } from "./support/references.js";
import { differencesBeyondRounding } from "./support/rounding.js";

const NAMES = [...ZOO, "format-reference"];
/**
 * zoo-csp amplifies rounding most: PyTorch's own float32 outputs differ from float64 by 1.5e-9, so no engine can be
 * nearer than that to the recorded values.
 */
const CPU_LIMIT: Readonly<Record<string, number>> = { "zoo-csp": 2.5e-9, "zoo-ghost": 1.5e-9 };

/**
 * Share of boxes that rounding may decide. The reference runs BatchNorm unfused, while PyTorch's recorded outputs come
 * from convolutions that were fused in float32, as the other backends' are.
 */
const FLIPS = { unfused: 0.08, fused: 0.03 };
function openNamed(name: string, backend: Backend): Model<string> {
  const path = checkpointOf(name);
  const opened = openModel(new Uint8Array(readFileSync(path)), { path });
  return new Model(new LocalRunner<string>([createMember(opened, backend, { path })], backend, read));
}

/** What another backend predicts: the reference in float64 or, for that one itself, wasm. */
async function predictElsewhere(name: string, backendName: string, input: HostTensor): Promise<HostTensor> {
  const backend = await (backendName === "cpu" ? WASM : CPU).open();
  if (!backend) throw new Error("no other backend");
  const model = openNamed(name, backend);
  const [rows] = [...(await model.tap([`model.${model.info.layers - 1}`], input)).values()];
  backend.dispose();
  return rows;
}

/** The batch as a tensor, whether or not the device would make it itself. */
function tensorOf({ inputs, pictures, shape }: NetworkInput): HostTensor {
  return inputs ? inputs[0] : devicePicturesToTensor(pictures, [shape[2], shape[3]]);
}

async function read(file: string) {
  return { image: await decodeImage(new Uint8Array(readFileSync(file)), { path: file }), source: file };
}

describe.skipIf(referenceMissing("weights", "zoo"))("architectures", () => {
  for (const { name: backendName, open } of parityBackends()) {
    describe(backendName, () => {
      let backend: Backend | undefined;
      beforeAll(async () => {
        backend = await open();
      });
      afterAll(() => backend?.dispose());

      it.for([...NAMES, "anchor-free/v8-cls"])("%s: layers", async (name, { skip }) => {
        if (!backend) return skip("no such device");
        const model = openNamed(name, backend);
        const reference = new Uint8Array(readFileSync(join(REFERENCE, "reference", `${name}.layers.safetensors`)));
        const { layers, firstDiverging } = await verifyModel(model, reference);
        model.members[0].network.dispose();
        const limit = backendName === "cpu" ? (CPU_LIMIT[name] ?? 1e-9) : 1e-8;
        expect(
          layers.filter(({ nmse }) => !(nmse <= limit)).map(({ name: layer, nmse }) => `${layer} ${nmse}`),
        ).toEqual([]);
        // The limits that the command applies follow from float32 arithmetic, and know PyTorch's own rounding.
        expect(firstDiverging).toBeNull();
      });

      // Layers are compared on each; boxes cost the slow ones most.
      it.for(allOrEvery(NAMES, backendName === "cpu" ? 4 : backendName === "wasm" ? 1 : 3))(
        "%s: boxes",
        async (name, { skip }) => {
          if (!backend) return skip("no such device");
          const model = openNamed(name, backend);
          const { info, members } = model;
          const [preprocessor, ensemble] = [new Preprocessor(info, backend), new Ensemble(members)];
          const head = `model.${info.layers - 1}`;
          const wrong: string[] = [];
          let flipped = 0;
          let tied = 0;
          let boxes = 0;
          for (const run of chosenRuns(name, { full: FULL, fast: backendName === "wasm" })) {
            const options = optionsOf(run);
            const result = (await model.detect(pictureNamed(run.image), options)) as DetectionResult;
            // Boxes come from the rows that the backend chose; what rounding may decide is judged by all of them.
            const picture = await read(pictureNamed(run.image));
            const resolved = resolveOptions(options, info);
            const input = preprocessor.input(preprocessor.plan([picture], resolved).map(({ make }) => make()));
            // An end-to-end head returns the boxes that it has picked already.
            const [prediction] = info.endToEnd
              ? [...(await model.tap([head], tensorOf(input))).values()]
              : await ensemble.infer(input, resolved);
            let elsewhere: Promise<HostTensor> | undefined;
            const report = await differencesBeyondRounding(result.detections, run.detections ?? [], {
              prediction,
              other: () => {
                elsewhere ??= predictElsewhere(name, backendName, tensorOf(input));
                return elsewhere;
              },
              input: input.shape,
              original: result,
              info,
              ...resolved,
            });
            wrong.push(...report.unexplained.map((text) => `${describeRun(run)}: ${text}`));
            flipped += report.flipped;
            tied += report.tied;
            boxes += report.boxes;
          }
          model.members[0].network.dispose();
          console.log(`${backendName} ${name}: ${flipped} of ${boxes} boxes decided by rounding, ${tied} by ties at 1`);
          expect(wrong).toEqual([]);
          // Of the older ones, some find nothing in their picture.
          if (name.startsWith("anchor-free/")) expect(boxes).toBeGreaterThan(20);
          expect(flipped).toBeLessThanOrEqual(Math.ceil(boxes * FLIPS[backendName === "cpu" ? "unfused" : "fused"]));
        },
      );
    });
  }
});
