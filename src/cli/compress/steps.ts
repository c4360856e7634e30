/** The steps of a run, in order: each returns a network as the file it would be saved as. */

import { Breather } from "../../breathe.js";
import { keptInNeck } from "../../compress/headMaps.js";
import {
  ChannelPruner,
  calibrationInputs,
  type LayerSensitivity,
  largestAmount,
  reestimate,
} from "../../compress/index.js";
import type { FactoredLayer } from "../../compress/lowRank/lowRankFactorizer.js";
import { type Pattern, prunePatternPieces } from "../../compress/prune/patterns.js";
import { pruneUnstructuredPieces } from "../../compress/prune/unstructured.js";
import type { QuantizationFacts } from "../../compress/quantize/index.js";
import type { DetectionDataset } from "../../eval/dataset/types.js";
import type { Backend } from "../../runtime/backend.js";
import type { Float32Tensor } from "../../tensor/index.js";
import type { ModuleNode } from "../../weights/types.js";
import type { ModelInfo } from "../../yolov5/checkpoint/modelInfo.js";
import type { OpenedModel } from "../../yolov5/loadModel.js";
import type { LastWork } from "../interrupt.js";
import type { Output } from "../output.js";
import { counted, grouped } from "../table.js";
import { interruptible } from "../val/progress.js";
import type { CompressFlags } from "./flags.js";
import { int8Steps } from "./int8.js";
import { LOW_RANK_LEARNING_RATE, lowRankStep } from "./lowRank.js";
import { checkTrainable, type RecoveryFacts, recoverAccuracy } from "./recover.js";
import { type Goal, joinedFacts, percent, Rounds } from "./rounds.js";
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
  /** Receives the best network of such a training, and what was asked for beyond it. */
  readonly keepBest: (module: ModuleNode, undone: string | undefined, int8?: QuantizationFacts) => Promise<void>;
  readonly info: ModelInfo;
  readonly imgsz: number;
  /** mAP50-95 of a network, 0 to 1. */
  readonly mapOf: (module: ModuleNode, what: string) => Promise<number>;
}

export interface Steps {
  readonly steps: readonly Step[];
  readonly sensitivities: readonly LayerSensitivity[];
  /** Convolutions that two have replaced. */
  readonly ranks: readonly FactoredLayer[];
  /** What was done, human-readable. */
  readonly notes: readonly string[];
  readonly recovery?: RecoveryFacts | undefined;
  readonly int8Recovery?: RecoveryFacts | undefined;
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
  let ranks: readonly FactoredLayer[] = [];
  let { module } = opened;
  let inputs: Float32Tensor[] | undefined;
  let half = false;
  let kept: ReturnType<typeof keptInNeck> | undefined;
  const bars = new Stages(output);
  const calibration = async (): Promise<Float32Tensor[]> =>
    calibrationInputs(context.calibration.samples, {
      count: flags.calibrationImages,
      imgsz: context.imgsz,
      stride: context.info.stride,
      signal,
      onProgress: (done, total) => bars.update("reading calibration pictures", done, total),
    });
  const rounds = new Rounds(flags);
  const trainings: RecoveryFacts[] = [];
  let int8Recovery: RecoveryFacts | undefined;
  const cut = flags.prune !== undefined || flags.targetFlops !== undefined || flags.maxDrop !== undefined;
  const pruned = cut || flags.lowRank !== undefined || flags.unstructured !== undefined;
  const named = (name: string): string => (rounds.count === 1 ? name : `round ${rounds.round}: ${name}`);
  const pruneChannels = async (): Promise<void> => {
    inputs ??= await interruptible(signal, calibration());
    const { criterion, scope, round } = flags;
    const pruner = await interruptible(
      signal,
      ChannelPruner.prepare(module, inputs, backend, { criterion, scope, round, signal, onProgress: bars.update }),
    );
    if (rounds.round === 1) ({ sensitivities } = pruner);
    const counts = await interruptible(signal, countsFor(pruner, module, rounds.goal(), context));
    const small = await interruptible(signal, pruner.prune(counts));
    bars.stop();
    ({ module } = small);
    rounds.pruned(small);
    if (flags.recoverFeatures !== undefined && rounds.keptOf) kept = keptInNeck(module, rounds.keptOf);
    const removed = percent(rounds.removed);
    note(
      `Pruned${rounds.name}: ${removed} of the channels removed, ${percent(rounds.operations)} of the operations left (criterion ${criterion}, ${scope}, multiples of ${round})`,
    );
    if (rounds.round === 1) {
      for (const { layer, why } of small.kept) if (!why.includes("head")) note(`${layer} keeps its channels: ${why}`);
    }
    made.push({ name: named(`pruned ${removed}`), module: small.cut, half });
    made.push({ name: named("+ re-estimated"), module, half });
  };
  const lowerRanks = async (share: number): Promise<void> => {
    inputs ??= await interruptible(signal, calibration());
    const step = await interruptible(
      signal,
      lowRankStep(opened.module, module, share, inputs, { flags, backend, signal, bars }),
    );
    bars.stop();
    ({ module } = step);
    ranks = step.layers;
    note(step.note);
    made.push({ name: `${made.length > 0 ? "+ " : ""}low rank ${percent(step.operations)}`, module: step.cut, half });
    made.push({ name: "+ refitted", module, half });
  };
  const setToZero = async (sparsity: number | Pattern): Promise<void> => {
    const breather = new Breather(signal);
    const zeroing =
      typeof sparsity === "number"
        ? breather.through(pruneUnstructuredPieces(module, sparsity)).then((made) => ({ ...made, dense: 0 }))
        : breather.through(prunePatternPieces(module, sparsity));
    const { dense, ...sparse } = await interruptible(signal, zeroing);
    const rest = dense === 0 ? "" : ` (${counted(dense, "convolution")} of other numbers of channels keep all)`;
    note(
      `Zeroed: ${grouped(sparse.zeros)} of ${grouped(sparse.weights)} convolution weights are zero${rest}; the network runs as fast as before`,
    );
    inputs ??= await interruptible(signal, calibration());
    module = await interruptible(
      signal,
      reestimate(module, sparse.module, inputs, backend, {
        reconstruct: false,
        signal,
        onProgress: (done, total) => bars.update("re-estimation", done, total),
      }),
    );
    made.push({ name: `+ ${sparsityText(sparsity)}`, module, half });
  };
  const runRound = async (): Promise<void> => {
    let told = false;
    const keepBest = async (best: ModuleNode): Promise<void> => {
      told = true;
      await context.keepBest(best, rounds.undone());
    };
    try {
      if (cut) await pruneChannels();
      if (flags.lowRank !== undefined && rounds.isLast) await lowerRanks(flags.lowRank);
      const { unstructured, block } = flags;
      if (unstructured !== undefined && rounds.isLast) {
        await setToZero(block && typeof unstructured === "number" ? { share: unstructured, block } : unstructured);
      }
      // After every pruning: weights that are zero stay zero.
      if (!flags.recover || !pruned) return;
      const words = {
        ...WORDS,
        doing: `${WORDS.doing}${rounds.name}`,
        done: `${WORDS.done}${rounds.name}`,
      };
      const recovered = await recoverAccuracy(opened, module, {
        ...{ ...context, keepBest, bars, training: rounds.training(), seed: rounds.round - 1, kept },
        learningRate: flags.recoverRate ?? (flags.lowRank === undefined ? undefined : LOW_RANK_LEARNING_RATE),
        words: rounds.round === 1 ? words : { ...words, measure: undefined },
      });
      note(recovered.note);
      trainings.push(recovered.facts);
      module = recovered.module;
      made.push({ name: named("+ recovered"), module, half });
    } catch (error) {
      // Between trainings, what those before have reached.
      if (signal.aborted && !told && trainings.length > 0) await keepBest(module);
      throw error;
    }
  };
  if (flags.recover) {
    await interruptible(signal, checkTrainable(module, context.info.stride, backend, flags.recoverLabels));
    if (flags.recoverData === undefined && flags.calibrationData === undefined) {
      output.line("note: these pictures are measured too, which flatters; name others with --recover-data");
    }
  }
  try {
    for (; rounds.round <= rounds.count; rounds.round++) await interruptible(signal, context.keeping.of(runRound()));
    if (flags.half) {
      half = true;
      made.push({ name: "+ float16", module, half });
    }
    if (flags.int8) {
      const own = await int8Steps(opened, module, { ...context, bars, note, half, alone: !pruned });
      made.push(...own.steps);
      int8Recovery = own.recovery;
    }
  } finally {
    bars.stop();
  }
  return { steps: made, sensitivities, ranks, notes, recovery: joinedFacts(trainings), int8Recovery };
}

function sparsityText(sparsity: number | Pattern): string {
  const zeroed = (share: number): string => `${(100 * share).toFixed(0)} % zeroed`;
  if (typeof sparsity === "number") return zeroed(sparsity);
  if ("of" in sparsity) return `${sparsity.keep}:${sparsity.of} zeroed`;
  return `${zeroed(sparsity.share)} in blocks of ${sparsity.block.join("x")}`;
}

/** Chooses the channels to keep, for whichever goal was given. */
async function countsFor(
  pruner: ChannelPruner,
  module: ModuleNode,
  { prune, targetFlops, maxDrop = 0 }: Goal,
  { output, mapOf }: StepsContext,
): Promise<number[]> {
  if (prune !== undefined) return pruner.countsForAmount(prune);
  if (targetFlops !== undefined) return pruner.findCountsForFlops(targetFlops);
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
