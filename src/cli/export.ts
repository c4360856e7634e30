/** `yolov5 export`: opened, written, read back and compared before the file gets its name. */

import { basename, dirname, extname, join, resolve } from "node:path";
import { invariant } from "../errors.js";
import { writeAtomically } from "../node/download.js";
import { openWeights } from "../node/weightSource.js";
import { createCpuBackend } from "../runtime/cpu/cpuBackend.js";
import type { HostTensor } from "../tensor/index.js";
import { exportedTensors, exportSafetensors } from "../yolov5/exportSafetensors.js";
import { createMember, openModel } from "../yolov5/loadModel.js";
import { EXIT, UsageError } from "./errors.js";
import type { ExportFlags } from "./flags.js";
import type { Output } from "./output.js";
import { DownloadProgress } from "./progress.js";
import { grouped, megabytes } from "./table.js";
import { readModelConfig } from "./yamlFile.js";

export async function runExport(flags: ExportFlags, output: Output): Promise<number> {
  const target = flags.output ?? defaultOutput(flags.weights);
  if (resolve(target) === resolve(flags.weights)) {
    throw new UsageError(`--output ${target} is the checkpoint itself; give another name`);
  }
  const config = await readModelConfig(flags.cfg);
  const progress = new DownloadProgress(output);
  const { onProgress } = progress;
  const { signal } = output.io;
  const onWarning = (text: string): void => output.warn(text);
  const { opened, path } = await openWeights(flags.weights, { onProgress, signal, config, onWarning }).finally(() =>
    progress.stop(),
  );
  const { info } = createMember(opened, createCpuBackend(), { path });
  const bytes = exportSafetensors(opened, info, { half: flags.half });
  checkReadable(bytes, exportedTensors(opened.module, { half: flags.half }), target);
  await writeAtomically(target, bytes);
  const tensors = grouped(exportedTensors(opened.module).size);
  output.line(`${target}: ${tensors} tensors, ${megabytes(bytes.length)}, ${info.task}, ${info.classes} classes`);
  output.line(`Use it with --weights ${target}`);
  await output.writeJson({
    path: target,
    format: "safetensors",
    bytes: bytes.length,
    source: path,
    task: info.task,
    classes: info.classes,
    parameters: info.parameters,
    half: flags.half ?? false,
  });
  return EXIT.done;
}

/** Beside a file; in the current folder for URLs and names. */
function defaultOutput(weights: string): string {
  const remote = /^(https?:|random:)/i.test(weights);
  const name = basename(remote ? weights.replace(/^random:/i, "").replace(/[?#].*$/, "") : weights);
  const stem = name.slice(
    0,
    name.length - (/^\.(pt|pth|safetensors)$/i.test(extname(name)) ? extname(name).length : 0),
  );
  const folder = remote ? "." : dirname(weights);
  return join(folder, `${stem.replaceAll(":", "-") || "model"}.safetensors`);
}

/** A file that does not come back as it went in must not replace a good one. */
function checkReadable(bytes: Uint8Array, written: ReadonlyMap<string, HostTensor>, target: string): void {
  const read = exportedTensors(openModel(bytes, { path: target }).module);
  invariant(read.size === written.size, `${target}: ${read.size} of ${written.size} tensors come back`);
  for (const [name, { dtype, data }] of written) {
    const back = read.get(name);
    const raw = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Buffer =>
      Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);
    invariant(
      back?.dtype === dtype && raw(back.data).equals(raw(data)),
      `${target}: tensor ${name} does not come back as it was`,
    );
  }
}
