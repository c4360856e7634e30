/** `yolov5 verify`: a row a layer, and the first that diverges. */

import { shownAddress } from "../api/address.js";
import { CheckpointError } from "../errors.js";
import { readRegularFile } from "../node/files/regularFile.js";
import type { Model } from "../yolov5/model.js";
import { type LayerComparison, verifyModel } from "../yolov5/verify.js";
import { EXIT, errorLine } from "./errors.js";
import { orInterrupted } from "./interrupt.js";
import { type CliModel, describeModel, loadModel } from "./loadModel.js";
import type { VerifyFlags } from "./options/flags.js";
import type { Output } from "./output.js";
import { type Column, tableLines } from "./table.js";

const COLUMNS: readonly Column[] = [
  { title: "layer" },
  { title: "module" },
  { title: "max |Δ|", right: true },
  { title: "NMSE", right: true },
  { title: "" },
];

export async function runVerify(flags: VerifyFlags, output: Output): Promise<number> {
  const reference = await readReference(flags.reference);
  const model = await loadModel({ ...flags, weights: [flags.weights] }, output);
  try {
    describeModel(model, output);
    const tolerance = { nmse: flags.tolerance, box: flags.boxTolerance, score: flags.scoreTolerance };
    // Only its taps are used, never its reader of pictures.
    const anyModel = model as unknown as Model<never>;
    const work = verifyModel(anyModel, reference, tolerance, flags.reference);
    const result = await orInterrupted(output.io.signal, work);
    output.lines(() => {
      const types = moduleTypes(model);
      return tableLines(
        COLUMNS,
        result.layers.map((layer) => row(layer, types)),
      );
    });
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

/** `layer.9` → `SPPF`. */
function moduleTypes(model: CliModel): Map<string, string> {
  const { layers } = model.members[0].network.build([1, 3, 128, 128]);
  return new Map(layers.map(({ index, type }) => [`layer.${index}`, type]));
}

function row(layer: LayerComparison, types: ReadonlyMap<string, string>): string[] {
  const { name, maxAbs, nmse, ok } = layer;
  return [name, types.get(name) ?? "", maxAbs.toExponential(2), nmse.toExponential(2), ok ? "ok" : "DIVERGES"];
}
