/** The steps of a run, in order: each returns a network as the file it would be saved as. */

import { Breather } from "../../breathe.js";
import { spread } from "../../compress/calibration/pictures.js";
import {
  ChannelPruner,
  calibrationInputs,
  type LayerSensitivity,
  largestAmount,
  reestimate,
} from "../../compress/index.js";
import { pruneUnstructuredPieces } from "../../compress/prune/unstructured.js";
import { type QuantizedModule, quantizeTree } from "../../compress/quantize/index.js";
import type { DetectionDataset } from "../../eval/dataset/types.js";
import type { Backend } from "../../runtime/backend.js";
import type { Float32Tensor } from "../../tensor/index.js";
import type { ModuleNode } from "../../weights/types.js";
import type { ModelInfo } from "../../yolov5/checkpoint/modelInfo.js";
import { letterbox, toTensor } from "../../yolov5/input/letterbox.js";
import type { OpenedModel } from "../../yolov5/loadModel.js";
import type { LastWork } from "../interrupt.js";
import type { Output } from "../output.js";
import { grouped } from "../table.js";
import { interruptible } from "../val/progress.js";
import type { CompressFlags } from "./flags.js";
import { checkTrainable, type RecoveryFacts, recoverAccuracy } from "./recover.js";
import { Stages } from "./stages.js";
import type { Step } from "./step.js";

export interface StepsContext {
  readonly flags: CompressFlags;
  readonly output: Output;
  readonly backend: Backend;
  /** Calibration pictures. */
  readonly calibration: DetectionDataset;
  /** Pictures to train on. */
  readonly recovery: DetectionDataset;
  /** Waits for a training that Ctrl-C has ended. */
  readonly keeping: LastWork;
  /** Receives the best network of such a training. */
  readonly keepBest: (module: ModuleNode) => Promise<void>;
  readonly info: ModelInfo;
  readonly imgsz: number;
  /** mAP50-95 of a network, 0 to 1. */
  readonly mapOf: (module: ModuleNode, what: string) => Promise<number>;
}

export interface Steps {
  readonly steps: readonly Step[];
  readonly sensitivities: readonly LayerSensitivity[];
  /** What was done, human-readable. */
  readonly notes: readonly string[];
  readonly recovery?: RecoveryFacts | undefined;
}

const WORDS = {
  doing: "recovering",
  done: "Recovered",
  teacher: "original",
  measure: "only --data tells how well it went",
} as const;

export async function makeSteps(opened: OpenedModel, context: StepsContext): Promise<Steps> {
  const { flags, output, backend } = context;
  const { signal } = output.io;
  const made: Step[] = [];
  const notes: string[] = [];
  const note = (text: string): void => {
    notes.push(text);
    output.line(text);
  };
  let sensitivities: readonly LayerSensitivity[] = [];
  let { module } = opened;
  let recovery: RecoveryFacts | undefined;
  let half = false;
  const bars = new Stages(output);
  const calibration = async (): Promise<Float32Tensor[]> =>
    calibrationInputs(context.calibration.samples, {
      count: flags.calibrationImages,
      imgsz: context.imgsz,
      stride: context.info.stride,
      signal,
      onProgress: (done, total) => bars.update("reading calibration pictures", done, total),
    });
  if (flags.recover) await interruptible(signal, checkTrainable(module, context.info.stride, backend));
  try {
    if (flags.prune !== undefined || flags.targetFlops !== undefined || flags.maxDrop !== undefined) {
      const inputs = await interruptible(signal, calibration());
      const { criterion, scope, round } = flags;
      const pruner = await interruptible(
        signal,
        ChannelPruner.prepare(module, inputs, backend, { criterion, scope, round, signal, onProgress: bars.update }),
      );
      sensitivities = pruner.sensitivities;
      const counts = await interruptible(signal, countsFor(pruner, module, context));
      const pruned = await interruptible(signal, pruner.prune(counts));
      bars.stop();
      const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
      note(
        `Pruned: ${percent(pruned.removed)} of the channels removed, ${percent(pruned.flopsRatio)} of the operations left (criterion ${criterion}, ${scope}, multiples of ${round})`,
      );
      for (const { layer, why } of pruned.kept) if (!why.includes("head")) note(`${layer} keeps its channels: ${why}`);
      made.push({ name: `pruned ${percent(pruned.removed)}`, module: pruned.cut, half });
      made.push({ name: "+ re-estimated", module: pruned.module, half });
      module = pruned.module;
    }
    if (flags.unstructured !== undefined) {
      const pieces = pruneUnstructuredPieces(module, flags.unstructured);
      const sparse = await interruptible(signal, new Breather(signal).through(pieces));
      note(
        `Zeroed: ${grouped(sparse.zeros)} of ${grouped(sparse.weights)} convolution weights are zero; the network runs as fast as before`,
      );
      const inputs = await interruptible(signal, calibration());
      const corrected = await interruptible(
        signal,
        reestimate(module, sparse.module, inputs, backend, {
          reconstruct: false,
          signal,
          onProgress: (done, total) => bars.update("re-estimation", done, total),
        }),
      );
      module = corrected;
      made.push({ name: `+ ${(100 * flags.unstructured).toFixed(0)} % zeroed`, module, half });
    }
    // After every pruning: weights that are zero stay zero.
    if (flags.recover) {
      if (flags.recoverData === undefined && flags.calibrationData === undefined) {
        output.line("note: these pictures are measured too, which flatters; name others with --recover-data");
      }
      const { recoverMinutes: minutes, recoverSteps: steps, recoverState: state, threads } = flags;
      const training = { minutes, steps, state, threads };
      const recovered = await interruptible(
        signal,
        context.keeping.of(recoverAccuracy(opened, module, { ...context, training, words: WORDS, bars })),
      );
      note(recovered.note);
      recovery = recovered.facts;
      module = recovered.module;
      made.push({ name: "+ recovered", module, half });
    }
    if (flags.half) {
      half = true;
      made.push({ name: "+ float16", module, half });
    }
    if (flags.int8) {
      const { module: converted, facts } = await interruptible(signal, quantized(module, context, bars));
      module = converted;
      made.push({ name: "+ int8", module, half, int8: facts });
    }
  } finally {
    bars.stop();
  }
  return { steps: made, sensitivities, notes, recovery };
}

/** Chooses the channels to keep, for whichever goal was given. */
async function countsFor(pruner: ChannelPruner, module: ModuleNode, context: StepsContext): Promise<number[]> {
  const { flags, output, mapOf } = context;
  if (flags.prune !== undefined) return pruner.countsForAmount(flags.prune);
  if (flags.targetFlops !== undefined) return pruner.findCountsForFlops(flags.targetFlops);
  const { maxDrop = 0 } = flags;
  const before = await mapOf(module, "original");
  const amount = await largestAmount(maxDrop, async (candidate) => {
    const { module: pruned, flopsRatio } = await pruner.prune(pruner.countsForAmount(candidate));
    const drop = 100 * (before - (await mapOf(pruned, `${(100 * candidate).toFixed(1)} %`)));
    output.line(
      `  ${(100 * candidate).toFixed(1)} % of the channels: ${drop.toFixed(2)} points of mAP50-95 lost, ${(100 * flopsRatio).toFixed(1)} % of the operations left`,
    );
    return drop;
  });
  if (amount === 0) {
    output.warn(`every amount tried loses more than ${maxDrop} points; nothing is pruned`);
  }
  return pruner.countsForAmount(amount);
}

/** Letterboxed to the full square, as for `export --int8`. */
async function quantized(module: ModuleNode, context: StepsContext, bars: Stages): Promise<QuantizedModule> {
  const { backend, calibration: pictures, flags, imgsz, info, output } = context;
  const { graph } = (await import("../../yolov5/graph/buildGraph.js")).buildGraph(module, [1, 3, imgsz, imgsz]);
  const samples = spread(pictures.samples, flags.calibrationImages);
  async function* inputs(): AsyncGenerator<Float32Tensor> {
    for (const sample of samples) {
      const { image } = letterbox(await sample.load(), { size: [imgsz, imgsz], stride: info.stride, auto: false });
      yield toTensor([image]);
    }
  }
  return quantizeTree(backend, module, graph, inputs(), {
    imgsz: [imgsz, imgsz],
    method: "percentile",
    signal: output.io.signal,
    onInput: (done) => bars.update("calibrating int8", done, samples.length),
  });
}
