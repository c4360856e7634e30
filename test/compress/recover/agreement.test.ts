/** Agreement: a network finds what it finds, a pruned one finds less of it, and pictures without objects say nothing. */

import { readFileSync } from "node:fs";
import { afterAll, expect, it } from "vitest";
import { agreementWith } from "../../../src/cli/compress/agreement.js";
import { pruneChannels } from "../../../src/compress/prune/pruneChannels.js";
import { NO_OBJECTS, type Sample } from "../../../src/eval/dataset/types.js";
import { openDataset } from "../../../src/node/datasets/open.js";
import { openWasm } from "../../../src/node/wasm.js";
import { createMember, openModel } from "../../../src/yolov5/loadModel.js";
import { referencePath } from "../../support/reference.js";

const backend = await openWasm({ threads: 1 });
afterAll(() => backend.dispose());

const path = referencePath("weights", "crops.pt");
const pictures = referencePath("images", "crops_test");

it.runIf(path && pictures)(
  "is 1 with itself, as far as YOLOv5's figure goes, and falls with the channels",
  async () => {
    const opened = openModel(readFileSync(path as string), { path: "crops.pt" });
    const { info } = createMember(opened, backend, { path: "crops.pt" });
    const { samples } = await openDataset(pictures as string, { names: info.names });
    // Labels of a class that the model does not have: they are not read.
    const foreign = samples.slice(0, 8).map((sample): Sample => {
      return { ...sample, truth: { ...sample.truth, classes: sample.truth.classes.map(() => 99) } };
    });
    const context = { backend, info, imgsz: 320, signal: new AbortController().signal };
    const agreement = await agreementWith(opened, foreign, context);
    const itself = (await agreement?.(opened.module)) as number;
    expect(itself).toBeGreaterThan(0.97);
    expect(itself).toBeLessThanOrEqual(0.995);
    const pruned = pruneChannels(opened.module, { criterion: "l1", amount: 0.1, scope: "global", round: 8 }).module;
    expect(await agreement?.(pruned)).toBeLessThan(0.8 * itself);
    await expect(agreementWith(opened, foreign, { ...context, signal: AbortSignal.abort() })).rejects.toThrow(/abort/);

    const grey = { name: "grey", width: 64, height: 64, truth: NO_OBJECTS };
    const load = async () => ({ width: 64, height: 64, data: new Uint8Array(64 * 64 * 3).fill(114) });
    expect(await agreementWith(opened, [{ ...grey, load }], context)).toBeUndefined();
    expect(await agreementWith(opened, foreign, { ...context, info: { ...info, task: "pose" } })).toBeUndefined();
  },
);
