/** The steps of `--int8`: calibration, and with `--recover` training that knows what int8 rounds. */

import { spread } from "../../compress/calibration/pictures.js";
import { convertTree } from "../../compress/quantize/calibrated.js";
import { type CalibratedTree, calibrateTree, type QuantizationFacts } from "../../compress/quantize/quantize.js";
import type { DetectionDataset } from "../../eval/dataset/types.js";
import type { Float32Tensor } from "../../tensor/index.js";
import type { ModuleNode } from "../../weights/types.js";
import { buildGraph } from "../../yolov5/graph/buildGraph.js";
import { letterbox, toTensor } from "../../yolov5/input/letterbox.js";
import type { OpenedModel } from "../../yolov5/loadModel.js";
import type { LastWork } from "../interrupt.js";
import type { Output } from "../output.js";
import { interruptible } from "../val/progress.js";
import type { CompressFlags } from "./flags.js";
import type { CompressionRow } from "./measure.js";
import { type RecoveryContext, type RecoveryFacts, recoverAccuracy } from "./recover.js";
import { float32Steps, INT8_SHARE } from "./rounds.js";
import type { Step } from "./step.js";

/** How much a step may change a tensor, as a share of its size: the student begins close to its teacher. */
const LEARNING_RATE = 1e-4;

const WORDS = {
  doing: "recovering in int8",
  done: "Recovered in int8",
  teacher: "original",
  measure: "--data tells how well it went",
} as const;

export interface Int8Context
  extends Pick<RecoveryContext, "output" | "backend" | "recovery" | "info" | "imgsz" | "bars"> {
  readonly flags: CompressFlags;
  readonly calibration: DetectionDataset;
  /** Waits for a training that Ctrl-C has ended. */
  readonly keeping: LastWork;
  readonly note: (text: string) => void;
  readonly half: boolean;
  /** Nothing was recovered in float32 before. */
  readonly alone: boolean;
  readonly keepBest: (module: ModuleNode, undone: undefined, int8?: QuantizationFacts) => Promise<void>;
}

export interface Int8Steps {
  readonly steps: readonly Step[];
  readonly recovery?: RecoveryFacts | undefined;
}

export async function int8Steps(opened: OpenedModel, module: ModuleNode, context: Int8Context): Promise<Int8Steps> {
  const { flags, output, note, half, alone } = context;
  const { signal } = output.io;
  const int8 = await interruptible(signal, calibrated(module, context));
  const { facts } = int8;
  if (flags.int8Head && facts.head === undefined) {
    output.warn("--int8-head: the network has no detection head with anchors, so none reads bytes");
  }
  const converted = await interruptible(signal, convertTree(module, int8, signal));
  const plain: Step = { name: "+ int8", module: converted.module, half, int8: facts };
  if (!flags.recover) return { steps: [plain] };
  const { recoverSteps, recoverState, recoverLabels, threads } = flags;
  const steps = recoverSteps === undefined || alone ? recoverSteps : recoverSteps - float32Steps(recoverSteps, true);
  const training = {
    minutes: flags.recoverMinutes,
    share: alone ? 1 : INT8_SHARE,
    steps: steps === undefined ? undefined : Math.max(1, steps),
    // The run in float32 has a state of its own.
    state: recoverState === undefined ? undefined : `${recoverState}.int8`,
    labels: recoverLabels,
    threads,
  };
  const recovered = await interruptible(
    signal,
    context.keeping.of(
      recoverAccuracy(opened, module, {
        ...{ ...context, training, words: WORDS, int8, learningRate: LEARNING_RATE },
        keepBest: (best, own) => context.keepBest(best, undefined, own),
      }),
    ),
  );
  note(recovered.note);
  const { module: trained, facts: recovery } = recovered;
  return { steps: [plain, { ...plain, name: "+ recovered in int8", module: trained }], recovery };
}

/**
 * Which row is the result: the last step, or if that is training in int8, the one of the two int8 rows with the higher mAP50-95. Training takes
 * a network towards the original one, with which labels do not always agree.
 */
export function resultAmong(
  rows: readonly Pick<CompressionRow, "name" | "map50_95">[],
  made: {
    readonly steps: readonly Step[];
    readonly int8Recovery?: RecoveryFacts | undefined;
    readonly notes: readonly string[];
  },
  output: Pick<Output, "line">,
): { readonly lastIndex: number; readonly notes: readonly string[] } {
  const { steps, int8Recovery, notes } = made;
  const lastIndex = steps.length;
  const [before, after] = [rows[lastIndex - 1], rows[lastIndex]];
  if (!int8Recovery || after.map50_95 >= before.map50_95) return { lastIndex, notes };
  const figures = `${before.map50_95.toFixed(3)} instead of ${after.map50_95.toFixed(3)}`;
  const note = `int8 has a higher mAP50-95 without training (${figures}), so the result is the row "${before.name.trim()}"`;
  output.line(`note: ${note}`);
  return { lastIndex: lastIndex - 1, notes: [...notes, note] };
}

/** On pictures letterboxed to the full square, as for `export --int8`. */
async function calibrated(module: ModuleNode, context: Int8Context): Promise<CalibratedTree> {
  const { backend, bars, calibration: pictures, flags, imgsz, info, output } = context;
  const { graph } = buildGraph(module, [1, 3, imgsz, imgsz]);
  const samples = spread(pictures.samples, flags.calibrationImages);
  async function* inputs(): AsyncGenerator<Float32Tensor> {
    for (const sample of samples) {
      const { image } = letterbox(await sample.load(), { size: [imgsz, imgsz], stride: info.stride, auto: false });
      yield toTensor([image]);
    }
  }
  return calibrateTree(backend, module, graph, inputs(), {
    imgsz: [imgsz, imgsz],
    method: "percentile",
    head: flags.int8Head,
    signal: output.io.signal,
    onInput: (done) => bars.update("calibrating int8", done, samples.length),
  });
}
