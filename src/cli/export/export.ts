/** `yolov5 export`: one file per format, written whole or not at all. */

import { basename, dirname, extname, join } from "node:path";
import { Breather } from "../../breathe.js";
import { invariant } from "../../errors.js";
import { openWeights } from "../../node/weightSource.js";
import { createCpuBackend } from "../../runtime/cpu/backend.js";
import type { HostTensor } from "../../tensor/index.js";
import { exportedTensorPieces, exportedTensors, safetensorsOf } from "../../yolov5/checkpoint/exportSafetensors.js";
import { createMember, type OpenedModel, openModel } from "../../yolov5/loadModel.js";
import type { Member } from "../../yolov5/model.js";
import { EXIT, UsageError } from "../errors.js";
import { Attempts } from "../files/attempts.js";
import { checkDestinations } from "../files/destinations.js";
import { cutToBytes, NAME_BYTES } from "../files/fileNames.js";
import { refuseExisting, writeOrRefuse } from "../files/replacing.js";
import type { ExportFlags, ExportFormat } from "../options/flags.js";
import { refuseOwnDecoding } from "../options/ownDecoding.js";
import { inputSize, noteSize } from "../options/sizeNote.js";
import { optionName, tellUnavailable, type Unavailable } from "../options/unavailable.js";
import { readModelConfig } from "../options/yamlFile.js";
import type { Output } from "../output.js";
import { DownloadProgress } from "../progress.js";
import { grouped, megabytes } from "../table.js";
import type { ExportedFile } from "./exportedFile.js";
import { type QuantizedModel, quantizeOpened } from "./exportInt8.js";
import { checkOpset, onnxFile } from "./exportOnnx.js";

export async function runExport(flags: ExportFlags, output: Output): Promise<number> {
  tellUnavailable(flags, UNAVAILABLE, output);
  checkOpset(flags, (text) => output.warn(text));
  const files = plan(flags);
  for (const { target } of files) await checkDestinations({ ...flags, output: target });
  const named = flags.output !== undefined || flags.existOk === true;
  if (flags.int8 && !named) for (const { target } of files) await refuseExisting(target);
  const config = await readModelConfig(flags.cfg);
  const progress = new DownloadProgress(output);
  const { onProgress } = progress;
  const { signal } = output.io;
  const onWarning = (text: string): void => output.warn(text);
  const { opened, path } = await openWeights(flags.weights, { onProgress, signal, config, onWarning }).finally(() =>
    progress.stop(),
  );
  refuseOwnDecoding(opened, path, "export");
  const quantized = flags.int8 ? await quantizeOpened(opened, path, flags, output) : undefined;
  const member = createMember(opened, createCpuBackend(), { path });
  const { task, classes, parameters } = member.info;
  if (files.some(({ format }) => format === "onnx")) noteSize([member.info], inputSize(member.info, flags), output);
  const facts: unknown[] = [];
  const attempts = new Attempts(output);
  for (const { format, target } of files) {
    const { bytes, summary, details } =
      format === "onnx"
        ? await onnxFile(quantized?.member ?? member, flags, { onWarning, signal, int8: quantized?.facts })
        : await safetensorsFile(opened, member, target, { half: flags.half, quantized, signal });
    let written = true;
    const writing = async (): Promise<void> => {
      written = await writeOrRefuse(target, bytes, named, output);
    };
    if (!(await attempts.of(writing))) {
      facts.push({ path: target, format, error: attempts.errors.at(-1) });
      continue;
    }
    const same = written ? "" : " (an identical file existed already)";
    output.line(`${target}: ${summary}, ${megabytes(bytes.length)}, ${task}, ${classes} classes${same}`);
    if (format === "safetensors") output.line(`Use it with --weights ${target}`);
    facts.push({ path: target, format, bytes: bytes.length, source: path, task, classes, parameters, ...details });
  }
  await output.writeJson(facts.length === 1 ? facts[0] : facts);
  return attempts.errors.length === 0 ? EXIT.done : EXIT.failed;
}

const TENSORRT = "applies only to TensorRT engines, which are not available; ignored";
const TENSORFLOW = "applies only to TensorFlow formats, which are not available; ignored";

/** Options of export.py that have no effect here. */
const UNAVAILABLE: readonly Unavailable<ExportFlags>[] = [
  [
    "dynamic",
    "ONNX files have a fixed input size; leave it out and export one file for each --imgsz and --batch-size",
    "refused",
  ],
  ["optimize", "applies only to TorchScript, which is not available; ignored"],
  ["verbose", TENSORRT],
  ["workspace", TENSORRT],
  ["keras", TENSORFLOW],
  ["nms", TENSORFLOW],
  ["agnosticNms", TENSORFLOW],
  ["topkPerClass", TENSORFLOW],
  ["topkAll", TENSORFLOW],
  ["iouThres", TENSORFLOW],
  ["confThres", TENSORFLOW],
];

/** The files to write. @throws UsageError for flags that contradict each other. */
function plan({
  include,
  weights,
  output,
  half,
  int8,
  ...more
}: ExportFlags): { format: ExportFormat; target: string }[] {
  const formats = new Set<ExportFormat>(include ?? ["safetensors"]);
  if (output !== undefined && formats.size > 1) {
    throw new UsageError(
      `--output ${output} is one file, but --include names ${formats.size} formats; drop --output or all formats but one`,
    );
  }
  if (half && formats.has("onnx")) {
    throw new UsageError(
      "--half applies to safetensors only, ONNX files are float32; export them separately, without --half",
    );
  }
  if (int8 && half) throw new UsageError("--int8 and --half cannot be combined; export them separately");
  const calibrating = (
    ["data", "calibration", "calibrationImages", "percentile", "int8Head", "maxPixels"] as const
  ).find((key) => more[key]);
  if (calibrating && !int8) {
    throw new UsageError(`${optionName(calibrating)} is a calibration option and needs --int8`);
  }
  if (more.int8Head && formats.has("onnx")) {
    throw new UsageError(
      "--int8-head applies to safetensors only, heads of ONNX files are float32; export them separately",
    );
  }
  if (more.percentile !== undefined && (more.calibration ?? "percentile") !== "percentile") {
    throw new UsageError(`--percentile needs --calibration percentile, not ${more.calibration}`);
  }
  return [...formats].map((format) => {
    return { format, target: output ?? defaultOutput(weights, int8 ? `int8.${format}` : format) };
  });
}

/** Reads the file back and compares it. */
async function safetensorsFile(
  given: OpenedModel,
  { info }: Member,
  target: string,
  options: {
    readonly half: boolean | undefined;
    readonly quantized: QuantizedModel | undefined;
    readonly signal: AbortSignal;
  },
): Promise<ExportedFile> {
  const { half = false, quantized, signal } = options;
  const opened = quantized?.opened ?? given;
  const metadata = new Map(quantized ? [["int8", JSON.stringify(quantized.facts)]] : []);
  const breather = new Breather(signal);
  const tensors = await breather.through(exportedTensorPieces(opened.module, { half }));
  const bytes = safetensorsOf(opened, info, tensors, metadata);
  await breather.rest();
  checkReadable(bytes, tensors, target);
  const whole = quantized ? `, ${quantized.facts.convolutions} convolutions in int8` : "";
  const details = quantized ? { half, int8: quantized.facts } : { half };
  return { bytes, summary: `${grouped(tensors.size)} tensors${whole}`, details };
}

/** Next to the checkpoint's file, or in the current folder for URLs and names. */
function defaultOutput(weights: string, ending: ExportFormat | `int8.${ExportFormat}`): string {
  const remote = /^(https?:|random:)/i.test(weights);
  const name = basename(remote ? weights.replace(/^random:/i, "").replace(/[?#].*$/, "") : weights);
  const stem = name.slice(
    0,
    name.length - (/^\.(pt|pth|safetensors)$/i.test(extname(name)) ? extname(name).length : 0),
  );
  const folder = remote ? "." : dirname(weights);
  const separator = ending.startsWith("int8") ? "-" : ".";
  const end = `${separator}${ending}`;
  return join(folder, cutToBytes(stem.replaceAll(":", "-") || "model", NAME_BYTES - end.length) + end);
}

/** A file that does not read back as written must not replace a good one. */
function checkReadable(bytes: Uint8Array, written: ReadonlyMap<string, HostTensor>, target: string): void {
  const read = exportedTensors(openModel(bytes, { path: target }).module);
  invariant(read.size === written.size, `${target}: only ${read.size} of ${written.size} tensors can be read back`);
  for (const [name, { dtype, data }] of written) {
    const back = read.get(name);
    const raw = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Buffer =>
      Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);
    invariant(
      back?.dtype === dtype && raw(back.data).equals(raw(data)),
      `${target}: tensor ${name} does not read back as it was written`,
    );
  }
}
