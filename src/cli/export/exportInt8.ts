/** `export --int8 --data FOLDER`: calibrates on pictures, then writes a quantized safetensors file. */

import { extname } from "node:path";
import { type QuantizationFacts, type QuantizedModule, quantizeMember } from "../../compress/quantize/index.js";
import { assertPictures } from "../../eval/assertPictures.js";
import type { RgbImage } from "../../image/index.js";
import { openBackend } from "../../node/backends.js";
import { kindOf, picturesBelow, picturesOfList } from "../../node/datasets/files.js";
import { createCpuBackend } from "../../runtime/cpu/backend.js";
import { isQuantized } from "../../yolov5/checkpoint/quantized.js";
import { createMember, type OpenedModel } from "../../yolov5/loadModel.js";
import type { Member } from "../../yolov5/model.js";
import { readPicture } from "../detect/sources/readPicture.js";
import { errorLine, InputError, UsageError } from "../errors.js";
import type { ExportFlags } from "../options/flags.js";
import { inputSize, noteSize } from "../options/sizeNote.js";
import { heightWidth } from "../options/values.js";
import type { Output } from "../output.js";
import { counted } from "../table.js";
import { interruptible, steps } from "../val/progress.js";

export interface QuantizedModel {
  readonly opened: OpenedModel;
  /** The same, without a device. */
  readonly member: Member;
  readonly facts: QuantizationFacts;
}

/**
 * The model with its convolutions in int8.
 * @throws InputError for a folder without pictures; UsageError for a model that is already int8.
 */
export async function quantizeOpened(
  opened: OpenedModel,
  path: string,
  flags: ExportFlags,
  output: Output,
): Promise<QuantizedModel> {
  // Checked before any picture is looked for.
  if (isQuantized(opened.module)) {
    throw new UsageError(`${path}: is already int8; give the checkpoint it was made from`);
  }
  const pictures = await calibrationPictures(flags, output.io.signal);
  const backend = await openBackend(flags.backend, {
    onNote: (note) => output.line(`note: ${note}`),
    threads: flags.threads,
  });
  try {
    const member = createMember(opened, backend, { path });
    noteSize([member.info], inputSize(member.info, flags), output);
    const { module, facts } = await quantizeOn(member, pictures, flags, output);
    const quantized = { module, checkpoint: opened.checkpoint };
    return { opened: quantized, member: createMember(quantized, createCpuBackend(), { path }), facts };
  } finally {
    backend.dispose();
  }
}

async function quantizeOn(
  member: Member,
  pictures: readonly string[],
  flags: ExportFlags,
  output: Output,
): Promise<QuantizedModule> {
  const { signal } = output.io;
  const reasons: string[] = [];
  async function* images(): AsyncGenerator<RgbImage> {
    for (const source of pictures) {
      const image = await readPicture(source, { signal, maxPixels: flags.maxPixels }).then(
        ({ picture }) => picture.image,
        (error: unknown) => {
          signal.throwIfAborted();
          reasons.push(errorLine(error));
          output.warn(`${errorLine(error)}; it is left out`);
        },
      );
      if (image) yield image;
    }
    if (!signal.aborted) assertPictures(pictures.length - reasons.length, reasons, `--data ${flags.data}`);
  }
  const { calibration: method = "percentile", percentile } = flags;
  output.line(`Calibrating on ${counted(pictures.length, "picture")} (${method}, ${member.network.backend.name}) …`);
  const bar = steps(output, "calibrating");
  try {
    const work = quantizeMember(member, images(), {
      imgsz: heightWidth(flags.imgsz),
      method,
      percentile,
      head: flags.int8Head,
      signal,
      onPicture: (done) => bar.update(done, pictures.length),
      onWarning: (text) => output.warn(text),
    });
    return await interruptible(signal, work);
  } finally {
    bar.stop();
  }
}

/** Pictures of a folder or a list; an evenly spread selection if there are more than wanted. */
async function calibrationPictures(
  { data, calibrationImages: most = 128 }: ExportFlags,
  signal: AbortSignal,
): Promise<string[]> {
  if (data === undefined) {
    throw new UsageError("--int8 needs --data FOLDER: pictures like those the model will see, for calibration");
  }
  const kind = await kindOf(data);
  if (!kind) throw new InputError(`--data ${data}: no such file or folder; give a folder of pictures`);
  if (kind === "file" && extname(data).toLowerCase() !== ".txt") {
    throw new InputError(`--data ${data}: is neither a folder of pictures nor a .txt list of them`);
  }
  const all = kind === "folder" ? await picturesBelow(data, signal) : await picturesOfList(data, signal);
  if (all.length === 0) throw new InputError(`--data ${data}: has no pictures; give a folder of pictures`);
  const count = Math.min(most, all.length);
  return Array.from({ length: count }, (_, i) => all[Math.floor((i * all.length) / count)]);
}
