/** `yolov5 verify`: compares every layer with PyTorch's, and names the first that diverges. */

import { shownAddress } from "../../api/address.js";
import { CheckpointError } from "../../errors.js";
import { readRegularFile } from "../../node/files/regularFile.js";
import { verifyModel } from "../../yolov5/verify.js";
import { EXIT, errorLine } from "../errors.js";
import { orInterrupted } from "../interrupt.js";
import { describeModel, loadModel } from "../loadModel.js";
import type { VerifyFlags } from "../options/flags.js";
import type { Output } from "../output.js";
import { layerTable } from "./table.js";

export async function runVerify(flags: VerifyFlags, output: Output): Promise<number> {
  const reference = await readReference(flags.reference);
  const model = await loadModel({ ...flags, weights: [flags.weights] }, output);
  try {
    describeModel(model, output);
    const tolerance = { nmse: flags.tolerance, box: flags.boxTolerance, score: flags.scoreTolerance };
    const work = verifyModel(model, reference, tolerance, flags.reference);
    const result = await orInterrupted(output.io.signal, work);
    output.lines(() => layerTable(result.layers, model.members[0].network.build([1, 3, 128, 128])));
    if (result.firstDiverging !== null) output.line(`First diverging layer: ${result.firstDiverging}`);
    else output.line(`All ${result.layers.length} agree with PyTorch.`);
    await output.writeJson(result);
    if (result.firstDiverging === null) return EXIT.done;
    const diverging = result.layers.filter(({ ok }) => !ok).length;
    output.fail(
      `${shownAddress(flags.weights)}: ${diverging} of ${result.layers.length} layers beyond tolerance, the first is ${result.firstDiverging}`,
    );
    return EXIT.failed;
  } finally {
    model.dispose();
  }
}

async function readReference(path: string): Promise<Uint8Array> {
  try {
    return await readRegularFile(path);
  } catch (error) {
    throw new CheckpointError(`--reference ${errorLine(error)}; give a *.layers.safetensors file`, { path });
  }
}
