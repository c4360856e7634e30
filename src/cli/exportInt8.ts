/** `export --int8 --data FOLDER`: calibration on pictures, then a quantized safetensors file. */

import { extname } from "node:path";
import {
  type Calibration,
  type CalibrationMethod,
  calibrate,
  planQuantization,
  quantizeModule,
} from "../compress/quantize/index.js";
import { openBackend } from "../node/backends.js";
import { kindOf, picturesBelow, picturesOfList } from "../node/datasets/files.js";
import type { Backend } from "../runtime/backend.js";
import type { HostTensor } from "../tensor/index.js";
import { classifyTransform } from "../yolov5/classifyTransform.js";
import { letterbox, toTensor } from "../yolov5/letterbox.js";
import { createMember, type OpenedModel } from "../yolov5/loadModel.js";
import type { Member } from "../yolov5/model.js";
import { checkImageSize } from "../yolov5/options.js";
import { isQuantized } from "../yolov5/quantized.js";
import { readPicture } from "./detect/readPicture.js";
import { errorLine, InputError, UsageError } from "./errors.js";
import type { ExportFlags } from "./flags.js";
import type { Output } from "./output.js";
import { interruptible, steps } from "./val/progress.js";
import { heightWidth } from "./values.js";

/** How a quantized file came about, for its metadata and the command's JSON. */
export interface QuantizationFacts {
  readonly calibration: CalibrationMethod;
  readonly images: number;
  readonly imgsz: readonly [number, number];
  /** Convolutions in int8. */
  readonly convolutions: number;
}

export interface QuantizedModel {
  readonly opened: OpenedModel;
  readonly facts: QuantizationFacts;
}

/**
 * The model with its convolutions in int8.
 * @throws InputError for a folder without pictures; UsageError for a model that is int8 already.
 */
export async function quantizeOpened(
  opened: OpenedModel,
  path: string,
  flags: ExportFlags,
  output: Output,
): Promise<QuantizedModel> {
  if (isQuantized(opened.module)) {
    throw new UsageError(`${path}: is int8 already; give the checkpoint that it was made from`);
  }
  const pictures = await calibrationPictures(flags);
  const backend = await openBackend(flags.backend, {
    onNote: (note) => output.line(`note: ${note}`),
    threads: flags.threads,
  });
  try {
    const member = createMember(opened, backend, { path });
    return await quantizeOn(backend, member, opened, pictures, flags, output);
  } finally {
    backend.dispose();
  }
}

async function quantizeOn(
  backend: Backend,
  member: Member,
  opened: OpenedModel,
  pictures: readonly string[],
  flags: ExportFlags,
  output: Output,
): Promise<QuantizedModel> {
  const { info, network } = member;
  const classify = info.task === "classify";
  const wanted = heightWidth(flags.imgsz) ?? (classify ? ([224, 224] as const) : ([640, 640] as const));
  const imgsz = classify ? wanted : checkImageSize(wanted, info.stride, (text) => output.warn(text));
  const { signal } = output.io;
  const plan = planQuantization(network.module, network.build([1, 3, imgsz[0], imgsz[1]]).graph);

  async function* inputs(): AsyncGenerator<HostTensor> {
    for (const source of pictures) {
      try {
        const { image } = (await readPicture(source, { signal })).picture;
        yield classify
          ? classifyTransform.toTensor([classifyTransform.crop(image, imgsz[0])])
          : toTensor([letterbox(image, { size: imgsz, stride: info.stride, auto: false }).image]);
      } catch (error) {
        output.warn(`${errorLine(error)}; it is left out`);
      }
    }
  }
  const method = flags.calibration ?? "percentile";
  output.line(`Calibrating on ${pictures.length} pictures (${method}, ${backend.name}) …`);
  const bar = steps(output, "calibrating");
  let calibration: Calibration;
  try {
    const onInput = (done: number): void => bar.update(done, pictures.length);
    const { percentile } = flags;
    calibration = await interruptible(
      signal,
      calibrate(backend, plan, inputs(), { method, percentile, signal, onInput }),
    );
  } finally {
    bar.stop();
  }
  const module = quantizeModule(network.module, plan, calibration);
  return {
    opened: { module, checkpoint: opened.checkpoint },
    facts: {
      calibration: method,
      images: calibration.inputs,
      imgsz: [imgsz[0], imgsz[1]],
      convolutions: plan.convolutions.size,
    },
  };
}

/** Pictures of a folder or a list, spread evenly where there are more than wanted. */
async function calibrationPictures({ data, calibrationImages: most = 128 }: ExportFlags): Promise<string[]> {
  if (data === undefined) {
    throw new UsageError("--int8 needs --data FOLDER: pictures as the model will see them, for calibration");
  }
  const kind = await kindOf(data);
  if (!kind) throw new InputError(`--data ${data}: no such file or folder; give a folder of pictures`);
  if (kind === "file" && extname(data).toLowerCase() !== ".txt") {
    throw new InputError(`--data ${data}: is neither a folder of pictures nor a .txt list of them`);
  }
  const all = kind === "folder" ? await picturesBelow(data) : await picturesOfList(data);
  if (all.length === 0) throw new InputError(`--data ${data}: has no pictures; give a folder of pictures`);
  const count = Math.min(most, all.length);
  return Array.from({ length: count }, (_, i) => all[Math.floor((i * all.length) / count)]);
}
