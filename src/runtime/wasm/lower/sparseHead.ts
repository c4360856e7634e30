/**
 * The last layer of a detection head for few of its pixels. Who asks for rows above a threshold of objectness needs a small part of
 * what it computes: objectness of all pixels comes first, a sixtieth of the work, and then all numbers of the pixels that have
 * enough of it, put next to each other. Steps for both ways are in the plan; a run takes one of them. Rows have the same bits.
 */

import { invariant } from "../../../errors.js";
import { detectKernel, LISTED_PIXELS, packedFloats, packPanels } from "../../../kernels/wasm/index.js";
import { consumersOf, type NodeOf, producersOf, type ValueId } from "../../../ops/index.js";
import { type HostTensor, tensor } from "../../../tensor/index.js";
import { channelsOfStored } from "../../channels.js";
import { packedBias, singleRow } from "./conv/gemm.js";
import { integerConstants, integerConv, integerInput } from "./integers/conv.js";
import type { Nhwc } from "./layout.js";
import type { Lowering } from "./lowering.js";
import type { SparseHead, SparseLevel } from "./sparseSteps.js";
import type { Step } from "./steps.js";
import { type Address, roundUp, type Storage } from "./storages.js";

/** Columns of a row before objectness: x, y, width, height. */
const OBJECTNESS = 4;
/** Anchors whose objectness fits into one vector. */
const MOST_ANCHORS = 4;
/** Of all pixels; with more of them, computing all is as quick. */
const MOST_LISTED = 1 / 2;
const WIDTH = "width";
const COUNT = "count";
/** What kernels are called that walk over single pixels. */
const POINT = /^conv2d_(point|rows) /;

/** The convolution before a level of a head. */
interface Last {
  readonly index: number;
  readonly step: Step;
  readonly view: Nhwc;
  readonly depth: number;
  readonly pixels: number;
  readonly anchors: number;
}

export interface ScoredHead {
  readonly levels: readonly (Last & { readonly scores: Storage })[];
  readonly range: readonly [from: number, to: number];
}

/**
 * Adds the steps that compute objectness, before the head itself is lowered.
 * @returns undefined, and adds none, for heads of another kind than the usual one: 1×1 convolutions that nothing else reads
 */
export function emitScores(lowering: Lowering, node: NodeOf<"detect">): ScoredHead | undefined {
  const { graph, steps } = lowering;
  if (node.outputs[0] !== graph.outputs[0] || graph.outputs.lastIndexOf(node.outputs[0]) > 0) return undefined;
  const found = node.inputs.map((id) => lastConv(lowering, node, id));
  const lasts = found.filter((last) => last !== undefined);
  if (lasts.length < found.length) return undefined;
  const from = steps.length;
  const levels = lasts.map((last) => ({ ...last, scores: emitLevelScores(lowering, node, last) }));
  const range = [from, steps.length] as const;
  // All are read together.
  for (const { scores } of levels) scores.last = range[1] - 1;
  return { levels, range };
}

function lastConv(lowering: Lowering, head: NodeOf<"detect">, id: ValueId): Last | undefined {
  const { graph, options, steps } = lowering;
  const index = producersOf(graph).get(id);
  const node = index === undefined ? undefined : graph.nodes[index];
  if (index === undefined || node?.type !== "conv2d" || !isPlainPoint(lowering, node)) return undefined;
  if (options.keep.has(id) || graph.outputs.includes(id) || consumersOf(graph).get(id)?.length !== 1) return undefined;
  // What quantizes its input may stand before it.
  const step = steps.findLast((other) => other.node === index);
  if (!step || !POINT.test(step.kernel.name)) return undefined;
  const view = lowering.compact(id);
  const { outputs } = head.attrs;
  const anchors = lowering.shape(id)[1] / outputs;
  if (anchors > MOST_ANCHORS) return undefined;
  return { index: steps.indexOf(step), step, view, depth: step.args.depth as number, pixels: view.h * view.w, anchors };
}

/** A 1×1 convolution of all channels, and nothing else. */
function isPlainPoint(lowering: Lowering, { attrs, inputs }: NodeOf<"conv2d">): boolean {
  const { groups, activation, hasResidual, stride, padding } = attrs;
  return (
    [...lowering.shape(inputs[1]).slice(2), ...stride, groups].every((size) => size === 1) &&
    padding.every((size) => size === 0) &&
    activation.kind === "identity" &&
    !hasResidual
  );
}

/** Constants of the last layer for objectness alone. */
function scoreConstants(lowering: Lowering, conv: NodeOf<"conv2d">, outputs: number, depth: number) {
  const weight = lowering.weight(conv.inputs[1], conv);
  const bias = conv.attrs.hasBias ? lowering.weight(conv.inputs[2], conv) : undefined;
  const scores = scoresOf(weight, bias, conv.attrs.quantization?.weightScales, outputs);
  const integers = integerConv(lowering, conv);
  if (integers) {
    const quantization = { ...integers.quantization, weightScales: scores.weightScales };
    const own = { ...integers, quantization };
    return integerConstants(lowering, scores.weight, scores.bias, own, integerInput(lowering, conv, integers));
  }
  const [anchors, width] = scores.weight.shape;
  const channels = channelsOfStored(lowering.nhwc(conv.inputs[0]).segments);
  const weights = lowering.constant(
    `panels ${channels.join()}`,
    [scores.weight],
    packedFloats(anchors, depth),
    (target) =>
      packPanels(target, scores.weight.data, anchors, depth, (k) =>
        channels[k] < 0 ? undefined : [channels[k], width],
      ),
  );
  return { weights, bias: packedBias(lowering, scores.bias, 0, anchors) };
}

interface Scores {
  readonly weight: HostTensor<"float32">;
  readonly bias: HostTensor<"float32"> | undefined;
  readonly weightScales: Float32Array;
}
/** By the weight of the whole layer: all plans of a model then share their constants. */
const SCORES = new WeakMap<HostTensor, Scores>();

/** The filters of objectness, of every anchor the fifth of `outputs`. */
function scoresOf(
  weight: HostTensor<"float32">,
  bias: HostTensor<"float32"> | undefined,
  scales: Float32Array | undefined,
  outputs: number,
): Scores {
  const known = SCORES.get(weight);
  if (known) return known;
  const [rows, width] = weight.shape;
  const anchors = rows / outputs;
  const pick = (from: Float32Array, size: number): Float32Array<ArrayBuffer> => {
    const to = new Float32Array(anchors * size);
    for (let a = 0; a < anchors; a++) {
      const first = (a * outputs + OBJECTNESS) * size;
      to.set(from.subarray(first, first + size), a * size);
    }
    return to;
  };
  const made: Scores = {
    weight: tensor("float32", [anchors, width, 1, 1], pick(weight.data, width)),
    bias: bias && tensor("float32", [anchors], pick(bias.data, 1)),
    weightScales: scales ? pick(scales, 1) : new Float32Array(),
  };
  SCORES.set(weight, made);
  return made;
}

function emitLevelScores(lowering: Lowering, { attrs }: NodeOf<"detect">, last: Last): Storage {
  const { step, view, depth, pixels } = last;
  const conv = lowering.graph.nodes[step.node] as NodeOf<"conv2d">;
  const constants = scoreConstants(lowering, conv, attrs.outputs, depth);
  const scores = lowering.allocate(view.n * pixels * 16);
  lowering.step(
    step.kernel,
    {
      ...step.args,
      ...constants,
      ...{ panels: 0, half: 1, panelBlocks: 1, panelsPerBlock: 1 },
      ...{ out: { storage: scores, offset: 0 }, outStep: 16, outRow: view.w * 16, outImage: pixels * 16 },
    },
    step.tiles / (step.args.panelBlocks as number),
  );
  return scores;
}

/** Where the pixels of a layer's input are. */
function sourceOf({ args }: Step, { h, w }: Nhwc): SparseLevel["source"] {
  const at = args.x as Address;
  const pixelBytes = args.xStep as number;
  // A picture without a border is a single row.
  const rowBytes = (args.xRow as number) || w * pixelBytes;
  return { at, width: w, pixelBytes, rowBytes, imageBytes: (args.xImage as number) || h * rowBytes };
}

/**
 * Adds the steps for listed pixels, behind those of the whole head.
 * @param whole the steps of the whole head, one for each level
 */
export function emitListed(
  lowering: Lowering,
  node: NodeOf<"detect">,
  { levels: scored, range }: ScoredHead,
  whole: readonly number[],
): SparseHead {
  const { steps } = lowering;
  const { outputs } = node.attrs;
  const [, total] = lowering.shape(node.outputs[0]);
  const from = steps.length;
  const levels: SparseLevel[] = [];
  // The memory of all rows is free in a run for few.
  const { storage } = lowering.outputDense(node.outputs[0]);
  let free = 0;
  const take = (bytes: number): Address => {
    const offset = free;
    free += roundUp(bytes, 16);
    invariant(free <= storage.bytes, "listed pixels take more memory than all");
    return { storage, offset };
  };
  let firstRow = 0;
  for (const [i, { step, view, depth, pixels, anchors, scores }] of scored.entries()) {
    const width = anchors * outputs;
    // Without what rounding adds.
    const room = Math.floor(view.n * pixels * Math.min(MOST_LISTED, width / (width + depth)));
    const most = Math.max(0, room - 2);
    const inputs = take(most * depth * 4);
    const rows = take(most * width * 4);
    const places = lowering.allocate(most * 4);
    const block = step.args.blockWidth as number;
    const blocks = Math.ceil(most / block);
    const convAt = steps.length;
    lowering.step(
      step.kernel,
      {
        ...step.args,
        ...{ ...singleRow(most, block), tapTable: step.args.tapTable, x: inputs, xStep: depth * 4, [WIDTH]: 0 },
      },
      blocks * (step.args.panelBlocks as number),
    );
    const detect = steps[whole[i]];
    const kernel = detectKernel(true);
    const detectAt = steps.length;
    lowering.step(
      kernel,
      {
        ...(detect.args as Record<(typeof kernel.fields)[number], number>),
        ...{ out: rows, places: { storage: places, offset: 0 }, [COUNT]: 0 },
      },
      Math.ceil(most / LISTED_PIXELS),
    );
    levels.push({
      ...{ n: view.n, pixels, anchors, firstRow, scores, depth, most, inputs, places, rows },
      source: sourceOf(step, view),
      counts: [
        { step: convAt, word: step.kernel.fields.indexOf(WIDTH) },
        { step: detectAt, word: kernel.fields.indexOf(COUNT) },
      ],
    });
    firstRow += anchors * pixels;
  }
  const to = steps.length;
  for (const { source, places } of levels) {
    // The host reads and writes them before the first of these steps.
    const { storage } = source.at;
    storage.last = Math.max(storage.last, from);
    places.first = from;
  }
  const every = new Set([...scored.map(({ index }) => index), ...whole]);
  return { whole: every, scores: range, listed: [from, to], levels, total, columns: outputs };
}
